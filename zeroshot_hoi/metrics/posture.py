"""Does a person stand as people stand?"""

from __future__ import annotations

import numpy as np

from zeroshot_hoi.metrics.clip import Clip, PersonClip
from zeroshot_hoi.metrics.metric import LOWER, Metric

TRUNK = ("left_hip", "right_hip", "left_shoulder", "right_shoulder")
LEAN_BAR = 25.0
"""Degrees. People who held, lifted and carried things in 30 clips had at most 13; one bent back from what both hands
held had 52, one bent aside over a guitar 31."""

INCLINATION_BAR = 75.0
"""Degrees. In 123 clips the three with more were folded double (77, 84 and 85: digging with straight knees). Who digs
with a short shovel has 63 to 71 since trunks resist."""

RAISED_BAR = 5.0
"""cm. In 126 clips the four with more looked wrong (8, 11, 19 and 23: binoculars with an arm over the head, a book held
across the face); the others had 3 at most."""

BEHIND_BAR = 10.0
"""cm. Of 142 people one had more, who held binoculars behind the head (40); the others had -11 at most."""


def trunk_lean(person: PersonClip) -> tuple[np.ndarray, np.ndarray]:
    """(T,) degrees by which the trunk, from between the hips to between the shoulders, leans back or aside, and (T,) by
    which it is inclined from the vertical in any direction.

    Ahead is at right angles to the line of the hips; leaning ahead does not count as leaning back or aside. NaN where
    a joint is not known.
    """
    if not set(TRUNK) <= set(person.joint_names):
        return np.full(len(person.joints), np.nan), np.full(len(person.joints), np.nan)
    left, right, one, other = (person.joints[:, person.joint_names.index(name)] for name in TRUNK)
    trunk, aside = 0.5 * (one + other - left - right), (left - right) * [1.0, 1.0, 0.0]
    length = np.maximum(np.linalg.norm(trunk, axis=1), 1e-9)
    aside /= np.maximum(np.linalg.norm(aside, axis=1, keepdims=True), 1e-9)
    ahead = np.cross(aside, [0.0, 0.0, 1.0])
    back = np.minimum(np.einsum("ti,ti->t", trunk, ahead), 0.0)
    wrong = np.hypot(back, np.einsum("ti,ti->t", trunk, aside)) / length
    inclined = np.arccos(np.clip(trunk[:, 2] / length, -1.0, 1.0))
    return np.degrees(np.arcsin(np.minimum(wrong, 1.0))), np.degrees(inclined)


def raised_elbow(person: PersonClip) -> np.ndarray:
    """(T,) metres by which an elbow is above its shoulder and its wrist, that of the arm that is worse.

    Who reaches up has the hand above the elbow, who works has the elbow below the shoulder; above both it is where a
    grip, not a person, wants it. Negative below; NaN where a joint is not known.
    """
    names = list(person.joint_names)
    found = [np.full(len(person.joints), np.nan)]
    for side in ("left", "right"):
        arm = [f"{side}_{joint}" for joint in ("elbow", "shoulder", "wrist")]
        if set(arm) <= set(names):
            elbow, shoulder, wrist = (person.joints[:, names.index(name), 2] for name in arm)
            found.append(elbow - np.maximum(shoulder, wrist))
    return np.fmax.reduce(found)


def hand_behind(person: PersonClip, side: str) -> np.ndarray:
    """(T,) metres that a wrist is farther behind the trunk than it is below the shoulders: an arm reaches back by the
    hips, where it hangs, and not where it is lifted.

    Ahead is at right angles to the trunk and to the line of the shoulders. Negative before the trunk; NaN where a
    joint is not known.
    """
    names = list(person.joint_names)
    if not {*TRUNK, f"{side}_wrist"} <= set(names):
        return np.full(len(person.joints), np.nan)
    left_hip, right_hip, left, right = (person.joints[:, names.index(name)] for name in TRUNK)
    middle = 0.5 * (left + right)
    up = middle - 0.5 * (left_hip + right_hip)
    up /= np.maximum(np.linalg.norm(up, axis=1, keepdims=True), 1e-9)
    ahead = np.cross(left - right, up)
    ahead /= np.maximum(np.linalg.norm(ahead, axis=1, keepdims=True), 1e-9)
    hand = person.joints[:, names.index(f"{side}_wrist")] - middle
    below = np.maximum(-np.einsum("ti,ti->t", hand, up), 0.0)
    return -np.einsum("ti,ti->t", hand, ahead) - below


def posture_metrics(clip: Clip) -> list[Metric]:
    """Of every person the frame that is worst, and of hands at work the mean, for who throws swings one back; a lean
    has a bar where nothing but the floor carries them."""
    metrics = []
    for name, person in clip.people.items():
        carried = any(edge.first[0] == name and edge.support for edge in clip.edges)
        lean, inclined = trunk_lean(person)
        for key, angle, bar in (("trunk lean", lean, LEAN_BAR), ("trunk inclination", inclined, INCLINATION_BAR)):
            if np.isfinite(angle).any():
                metrics.append(Metric(f"{key}:{name}", float(np.nanmax(angle)), "deg", LOWER, None if carried else bar))
        raised = raised_elbow(person)
        if np.isfinite(raised).any():
            metrics.append(Metric(f"raised elbow:{name}", 100.0 * float(np.nanmax(raised)), "cm", LOWER, RAISED_BAR))
        working = [edge for edge in clip.edges if edge.is_hand and edge.first[0] == name and not edge.support]
        sides = {edge.first[1].split()[0] for edge in working}
        behind = [float(hand_behind(person, side).mean()) for side in sorted(sides)]
        if np.isfinite(behind).any():
            metrics.append(Metric(f"hand behind:{name}", 100.0 * float(np.nanmax(behind)), "cm", LOWER, BEHIND_BAR))
    return metrics
