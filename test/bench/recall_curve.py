"""A curve of recall: points that were measured, in order of effort, and what lies between them."""
import math


def value_at(points, target, key):
    """The value where the curve crosses the recall, and whether its first point lies above already; None
    where the curve ends below.  The logarithm of the value is taken as linear in the recall between two
    neighboring points."""
    below = None
    for point in points:
        if point["recall"] >= target:
            if below is None:
                return point[key], True
            share = (target - below["recall"]) / (point["recall"] - below["recall"])
            return math.exp((1 - share) * math.log(below[key]) + share * math.log(point[key])), False
        below = point
    return None
