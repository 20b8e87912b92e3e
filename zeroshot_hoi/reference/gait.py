"""How people walk, as numbers: steps for a speed, shares of time, ranges of joints.

Sources, by key: [Alexander] 1984, Int. J. Robotics Res. 3(2): dynamic similarity, preferred walking near a Froude
number of .2-.25, running from .5. [Sekiya] & Nagasaki 1998, Gait & Posture 7: step length over cadence is constant over
speeds, .0064 m/(steps/min) for adults. [Murray] Drought & Kory 1964, J. Bone Joint Surg. 46-A: stance, step width,
toe-out, vertical and lateral excursion of normal men. [Murray67] Sepic & Barnard, Phys. Ther. 47: arms. [Perry] &
Burnfield, Gait Analysis, 2010: phases and angles. [Donelan] Kram & Kuo 2001, Proc. R. Soc. B 268: preferred step
width. [Gard] & Childress 2001, J. Prosthet. Orthot. 13: vertical displacement by a rocker. [Saunders] Inman &
Eberhart 1953, J. Bone Joint Surg. 35-A: pelvis. [Winter] 1991, The Biomechanics and Motor Control of Human
Gait: toe clearance.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from zeroshot_hoi.core.errors import RecipeError

GRAVITY = 9.81
"""m/s^2"""

PREFERRED_FROUDE = 0.2
"""v^2 / (g leg) of comfortable walking [Alexander]: 1.34 m/s for a leg of 0.92 m."""

RUNNING_FROUDE = 0.5
"""Above it people run [Alexander]."""

WALK_RATIO = 0.0064
"""Metres per (step per minute) [Sekiya], for a leg of `WALK_RATIO_LEG`."""

WALK_RATIO_LEG = 0.90
"""m"""

STANCE_SHARE = 0.62
"""Of a stride, at 1.34 m/s [Perry]; two double supports of 12 % each."""

STANCE_SLOPE = -0.075
"""Change of the stance's share per m/s: slow walkers keep both feet down longer (linear through [Murray]'s free and
[Perry]'s slow walking; kept within .58 and .72)."""

FLAT_SHARE = 0.08
"""Of a stride, from heel strike until the foot is flat [Perry: loading response, to 12 %]."""

HEEL_OFF_SHARE = 0.36
"""Of a stride after heel strike [Perry: heel rise at 31 %, later at slower speeds]."""

STRIKE_PITCH = np.radians(20.0)
"""Toes above heel at heel strike, at a step of 0.75 leg lengths [Winter: 20-25 degrees]."""

PUSH_PITCH = np.radians(56.0)
"""Heel above toes at toe-off [Winter: 55-65 degrees of the foot; toes extend to 55-60, Perry]."""

TOE_OUT = np.radians(7.0)
"""Feet against the line of travel [Murray: 6.7-6.8 degrees]."""

STEP_WIDTH = 0.12
"""Of the leg's length [Donelan]."""

CLEARANCE = 0.030
"""m, height of the sole's lowest point in mid-swing. [Winter] measures 1.3 cm under a shoe's toe; a foot solved to a
few millimetres needs more, so that it never counts as sliding."""

ROCKER = 1.6
"""Legs act as if longer by this factor, because they roll over feet [Gard]: 4-5 cm of rise and fall at normal steps."""

LATERAL_SHARE = 0.40
"""Of the way from the middle to the foot in stance that the pelvis goes: 2.2 cm to either side [Murray: 5-6 in all]."""

PELVIS_TURN = np.radians(5.0)
"""To either side with the leading leg [Saunders: 4 degrees; Murray: 5]."""

PELVIS_LIST = np.radians(4.0)
"""Drop on the side in swing [Saunders: 5 degrees]."""

SHOULDER_SWING = np.radians(16.0)
"""Half the shoulder's range, around `SHOULDER_MIDDLE` [Murray67: 24 back to 8 forward]."""

SHOULDER_MIDDLE = np.radians(-6.0)
ELBOW_SWING = np.radians(10.0)
"""Half the elbow's range, more bent as the arm comes forward [Murray67]."""

TRUNK_LEAN = np.radians(2.0)
"""Forward, while walking at a steady speed [Murray]."""


@dataclass(frozen=True)
class Gait:
    """An even walk over a given way."""

    count: int
    """Steps before the closing step that brings the feet together."""
    length: float
    """Metres of each step."""
    seconds: float
    """Of each step."""
    stance: float
    """Share of a stride during which a foot is down."""

    @property
    def speed(self) -> float:
        """m/s between the first and the last step."""
        return self.length / self.seconds

    @property
    def duration(self) -> float:
        """Seconds from rest to rest: speed rises during the first step and falls during the closing one."""
        return (self.count + 1) * self.seconds

    @property
    def overlap(self) -> float:
        """Seconds of each double support."""
        return (2.0 * self.stance - 1.0) * self.seconds

    def travelled(self, time: np.ndarray) -> np.ndarray:
        """(T,) metres after `time` seconds; half a step each to get going and to stop (Breniere & Do 1986)."""
        full = self.seconds

        def ramp(t: np.ndarray) -> np.ndarray:
            u = np.clip(t / full, 0.0, 1.0)
            return full * (u**4 * (2.5 - 3.0 * u + u**2))  # the integral of a minimum-jerk rise

        time = np.clip(time, 0.0, self.duration)
        steady = np.clip(time - full, 0.0, self.duration - 2.0 * full)
        return self.speed * (ramp(time) + steady + (0.5 * full - ramp(self.duration - time)) * (time > full))

    def share_of_speed(self, time: np.ndarray) -> np.ndarray:
        """(T,) 0 at rest, 1 at full speed."""
        u = np.clip(np.minimum(time, self.duration - time) / self.seconds, 0.0, 1.0)
        return u**3 * (10.0 - 15.0 * u + 6.0 * u**2)


def preferred_speed(leg: float) -> float:
    """m/s at which a person with legs of `leg` metres likes to walk."""
    return float(np.sqrt(PREFERRED_FROUDE * GRAVITY * leg))


def natural_step(speed: float, leg: float) -> float:
    """Metres of a step at `speed` (m/s): length / cadence is constant and grows with the leg by dynamic similarity."""
    ratio = WALK_RATIO * (leg / WALK_RATIO_LEG) ** 1.5
    return float(np.sqrt(60.0 * ratio * speed))


def stance_share(speed: float) -> float:
    """Share of a stride during which a foot is down."""
    return float(np.clip(STANCE_SHARE + STANCE_SLOPE * (speed - 1.34), 0.58, 0.72))


def choose_gait(
    leg: float, *, distance: float = 0.0, speed: float = 0.0, seconds: float = 0.0, ease: float = 1.0
) -> Gait:
    """The walk with the most natural steps that fits what is given; zero leaves it open.

    `leg` is its length in metres; `ease` the share of natural speed and step that backward and sideward walking keep.

    With `distance` and no `speed`, the speed follows from the `seconds`; with `speed` and no `distance`, the
    distance does. Raises `RecipeError` for a speed at which people run, or a way too long for the time.
    """
    preferred = ease * preferred_speed(leg)

    def natural(pace: float) -> float:
        return ease * natural_step(pace / ease, leg)

    if distance > 0.0 and (speed > 0.0 or seconds <= 0.0):
        pace = speed or preferred
        count = max(1, round(distance / natural(pace)))
        gait = _gait(count, distance / count, distance / count / pace, ease)
        if 0.0 < seconds < gait.duration - 1e-6:
            raise RecipeError(
                f"Walking {distance:.3g} m at {pace:.2f} m/s takes {gait.duration:.1f} s with start and stop, and the "
                f"phrase has {seconds:.1f} s. Give it more time, a shorter way or leave out the speed."
            )
    elif distance > 0.0:
        counts = np.arange(1, 2 + int(distance / 0.15))
        paces = (counts + 1) * distance / (counts * seconds)
        misfit = [abs(np.log(distance / n / natural(v))) for n, v in zip(counts, paces, strict=True)]
        count = int(counts[np.argmin(misfit)])
        gait = _gait(count, distance / count, seconds / (count + 1), ease)
    elif seconds > 0.0:
        pace = speed or preferred
        count = max(1, round(seconds * pace / natural(pace) - 1.0))
        gait = _gait(count, pace * seconds / (count + 1), seconds / (count + 1), ease)
    else:
        raise RecipeError("A walk needs a distance or a time.")
    fastest = ease * float(np.sqrt(RUNNING_FROUDE * GRAVITY * leg))
    if gait.speed > fastest:
        raise RecipeError(
            f"This walk takes {gait.speed:.2f} m/s; above {fastest:.2f} m/s nobody walks so with legs of {leg:.2f} m. "
            f"Give it more time or a shorter way."
        )
    return gait


def _gait(count: int, length: float, seconds: float, ease: float) -> Gait:
    return Gait(count, length, seconds, stance_share(length / seconds / ease))
