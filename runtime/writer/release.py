"""What was decided leaves, now that it is durable: to whoever asked, listens or is to act."""

from collections.abc import Callable, Sequence

from engine.contract import Dismiss
from engine.ports import FanOut, World
from engine.sequencer import Accepted, Done, Errands, Heard, HeardSoft, Output, Recall, Refused


def let_go(
    outputs: Sequence[Output],
    fan_out: FanOut,
    world: World,
    recall: Callable[[Recall], None],
) -> None:
    """Hand each output on, in order. `recall` finds the first answer to a command that came
    again."""
    for output in outputs:
        if type(output) is Accepted or type(output) is Refused:
            output.to(output)
        elif type(output) is Heard:
            fan_out.publish(output.room, output.audience, output.seq, output.frame)
        elif type(output) is HeardSoft:
            fan_out.publish_soft(output.room, output.audience, output.key, output.frame)
        elif type(output) is Done:
            output.to(output.value)
        elif type(output) is Recall:
            recall(output)
        elif type(output) is Errands:
            world.send_out(output)
        elif type(output) is Dismiss:
            fan_out.dismiss(output.user, output.session, output.reason)
