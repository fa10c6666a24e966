"""Measures Martlet beside PyTorch: in turns, so that whatever else the machine does meets both alike."""

from __future__ import annotations

import os
import statistics
import time
from dataclasses import asdict, dataclass
from typing import Callable

import torch

import martlet

from .operators import DTYPES, Draw, Operator, Shape, shared

# Before its turn a side waits: OpenMP's threads, which PyTorch has, wait for more work by spinning for some ten milliseconds,
# and would take a core away from the other side. Then it works unmeasured: threads that fell asleep take up to 10 ms until
# each has woken on a core of its own. What takes longer than a turn is called once, and its threads wake within the call.
PAUSE_S, WAKING_S, TURN_S = 0.03, 0.02, 0.02
# Below this, calling from Python is what takes the time, not the operator.
CALL_MS = 0.02
# Where a tensor's pages lie decides how well the caches keep it: by 10 % and more, from one allocation to the next. Each round
# has new ones, but for inputs that no cache keeps wherever they lie.
ROUNDS, PLACED_BYTES = 3, 64 << 20


@dataclass(frozen=True)
class Result:
    """Times of a call in milliseconds: medians over the turns of all rounds, and the fastest turns of both.

    Where other programs take the processor's time away, PyTorch's threads wait for each other for milliseconds, and the
    medians tell of that. The fastest turns are those in which nothing came between.
    """

    operator: str
    shape: str
    dtype: str
    threads: int
    martlet_ms: float
    torch_ms: float
    #: How many times as fast as PyTorch Martlet is: the median of neighbouring turns, which had the same memory and machine.
    ratio: float
    best_martlet_ms: float
    best_torch_ms: float
    #: The share of the machine's processors that other programs had meanwhile.
    others: float
    peer: str

    @property
    def best_ratio(self) -> float:
        """How many times as fast Martlet is in the fastest turns."""
        return self.best_torch_ms / self.best_martlet_ms

    @property
    def is_call(self) -> bool:
        """Whether both are so quick that the ratio says nothing about the operator."""
        return self.torch_ms < CALL_MS and self.martlet_ms < CALL_MS

    def as_json(self) -> dict[str, object]:
        return {
            **asdict(self),
            "best_ratio": round(self.best_ratio, 4),
            "is_call": self.is_call,
        }

    def line(self) -> str:
        return (
            f"{self.operator:<15} {self.shape:<53} {self.dtype:<5} {self.martlet_ms:>10.4f} {self.torch_ms:>10.4f} "
            f"{self.ratio:>6.2f} {self.best_ratio:>6.2f} {self.others:>6.0%}  {self.peer}{' (the call, not the operator)' if self.is_call else ''}"
        )

    @staticmethod
    def header() -> str:
        return f"{'operator':<15} {'shape':<53} {'type':<5} {'Martlet ms':>10} {'PyTorch ms':>10} {'ratio':>6} {'best':>6} {'others':>6}  compared with"


def timed(call: Callable[[], object], synchronize: Callable[[], None], least_s: float) -> float:
    """Seconds of one call, of as many as take at least so long together."""
    count = 0
    start = now = time.perf_counter()
    while count == 0 or now - start < least_s:
        call()
        count += 1
        if count & 7 == 0 or count == 1:  # the clock and the device are asked now and then only
            synchronize()
            now = time.perf_counter()
    synchronize()
    return (time.perf_counter() - start) / count


def take_turns(
    first: Callable[[], object], second: Callable[[], object], synchronize: Callable[[], None], budget_s: float
) -> tuple[list[float], list[float]]:
    """The seconds of a call of each, measured A B A B until the time is used up."""
    is_long = [timed(call, synchronize, 0) > TURN_S for call in (first, second)]
    samples: tuple[list[float], list[float]] = ([], [])
    end = time.perf_counter() + budget_s
    while len(samples[0]) < 3 or time.perf_counter() < end:
        for call, long, times in zip((first, second), is_long, samples):
            time.sleep(PAUSE_S)
            if not long:
                timed(call, synchronize, WAKING_S)
            times.append(timed(call, synchronize, TURN_S))
    return samples


class Meter:
    """How busy other programs keep the machine's processors, from the moment it is made."""

    def __init__(self) -> None:
        self.start = self.now()

    @staticmethod
    def now() -> tuple[float, float, float]:
        """Seconds: on the clock, of all processors' work, of this process's."""
        with open("/proc/stat", encoding="ascii") as file:
            user, nice, system, _, _, interrupts, soft, steal, *_ = map(int, file.readline().split()[1:])
        work = (user + nice + system + interrupts + soft + steal) / os.sysconf("SC_CLK_TCK")
        return time.perf_counter(), work, time.process_time()

    def others(self) -> float:
        clock, work, own = (b - a for a, b in zip(self.start, self.now()))
        return max(0.0, (work - own) / (clock * (os.cpu_count() or 1)))


@torch.inference_mode()
def race(
    operator: Operator, shape: Shape, dtype: str, device: torch.device, threads: int, budget_s: float = 0.5
) -> Result:
    """Measures one operator on one shape with `threads` threads on both sides."""
    torch.set_num_threads(threads)
    martlet.set_threads(threads)
    synchronize = torch.cuda.synchronize if device.type == "cuda" else lambda: None
    drawn = operator.inputs(shape, Draw(DTYPES[dtype], device))
    meter = Meter()
    turns: tuple[list[float], list[float]] = ([], [])
    best = None
    kept = []  # so that the next round's memory is another
    for _ in range(ROUNDS):
        inputs = {name: x.clone() if x.nbytes < PLACED_BYTES else x for name, x in drawn.items()}
        outputs = operator.outputs(shape, inputs)
        kept.append((inputs, outputs))
        x, out = shared(inputs), shared(outputs)
        peers = operator.peers(inputs, outputs)
        if best is None:
            speed = {name: min(timed(call, synchronize, 0) for _ in range(3)) for name, call in peers.items()}
            best = min(speed, key=lambda name: speed[name])
        for all_turns, new in zip(turns, take_turns(lambda: operator.run(x, out), peers[best], synchronize, budget_s / ROUNDS)):
            all_turns.extend(new)
    others = meter.others()
    ratio = statistics.median(theirs / ours for ours, theirs in zip(*turns))
    middle, least = ([1e3 * pick(samples) for samples in turns] for pick in (statistics.median, min))
    return Result(operator.name, str(shape), dtype, threads, *middle, ratio, *least, others, best)
