"""One span for a call, also where another tool traces the same client.

Instrumentors sit in two places. Those *above* ``request()`` (they patch resource methods such as
``Completions.create``) have begun when our call begins: :func:`owner` finds them. Those *beneath* it (they patch
``OpenAI.request``, or are the Anthropic SDK itself) begin after us: :func:`unpatched`, :func:`claim` and
:func:`relay` keep them quiet. Which of the two steps back:

===================================  ========  ====================================================================
peer                                 where     who steps back, and how
===================================  ========  ====================================================================
OpenTelemetry genai-openai,          above     we do: their ``InferenceData`` is in the context; counts are
genai-anthropic                                published back through it
OpenTelemetry openai-v2              above     we do: their inference span is the current one, we add to it
OpenLLMetry openai                   above     we do: as openai-v2; for ``responses`` their span comes after the
                                               fact, and if it does not, ours does
OpenLLMetry anthropic                above     they do: their span (never ended when a stream is broken off) is muted
OpenInference anthropic              above     we do: their span is in reach, we add to it
OpenInference openai, Logfire        beneath   they do: their patch of ``request`` is passed by
Anthropic's own tracing              beneath   they do: it is given a span that only carries the trace context
anything that suppresses             above     we do
any other inference span of the      above     we do, once for each such span: frameworks trace their model calls so
same operation, current and open
any other patch                      –         nobody: there is nothing to tell it by, both spans stand
===================================  ========  ====================================================================
"""

from tokeneff._duplicates.above import SUPPRESSED, Owner, owner, span_of_reader
from tokeneff._duplicates.beneath import TRACED, aside, claim, forget_patches, relay, unpatched

__all__ = [
    "SUPPRESSED",
    "TRACED",
    "Owner",
    "aside",
    "claim",
    "forget_patches",
    "owner",
    "relay",
    "span_of_reader",
    "unpatched",
]
