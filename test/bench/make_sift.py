#!/usr/bin/env python3
"""Makes a set of real image vectors: SIFT descriptors, 128 dimensions, values 0 to 255, Euclidean distance.

usage: make_sift.py OUT_DIR
Writes OUT_DIR/sift.base.fvecs and OUT_DIR/sift.query.fvecs (1,000 held-out descriptors).

The pictures are the photographs and drawings of Debian's wallpaper packages; setup.sh installs them
("bench-data").  A picture that is there in two sizes is taken once, and so are equal descriptors.  The
order of the rows is by chance, from a fixed seed: the same packages give the same set.  Needs
python3-opencv and python3-numpy.
"""
import glob
import os
import sys

import cv2
import numpy as np

ROOTS = ("/usr/share/backgrounds", "/usr/share/wallpapers")
ENDINGS = (".jpg", ".jpeg", ".png", ".webp")
MIN_FILE_BYTES = 60000  # smaller ones are icons and screenshots
LONGEST_SIDE = 2400
PER_PICTURE = 30000
THUMBNAIL = (16, 16)
QUERIES = 1000
SEED = 1


def paths():
    found = (path for root in ROOTS for path in glob.glob(root + "/**/*", recursive=True))
    return sorted(path for path in found if path.lower().endswith(ENDINGS)
                  and not os.path.islink(path) and os.path.getsize(path) > MIN_FILE_BYTES)


def pictures():
    """Yields the name and the gray values of each picture."""
    seen = set()
    for path in paths():
        picture = cv2.imread(path, cv2.IMREAD_GRAYSCALE)
        if picture is None:
            continue
        scale = LONGEST_SIDE / max(picture.shape)
        if scale < 1:
            picture = cv2.resize(picture, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
        thumbnail = cv2.resize(picture, THUMBNAIL, interpolation=cv2.INTER_AREA).tobytes()
        if thumbnail not in seen:
            seen.add(thumbnail)
            yield os.path.basename(path), picture


def descriptors():
    sift = cv2.SIFT_create(nfeatures=PER_PICTURE, contrastThreshold=0.01, edgeThreshold=20)
    parts = []
    for name, picture in pictures():
        _, found = sift.detectAndCompute(picture, None)
        if found is not None:
            parts.append(found.astype(np.uint8))
            print(f"{len(found):6d} {name}", file=sys.stderr)
    vectors = np.unique(np.concatenate(parts), axis=0)
    return vectors[np.random.default_rng(SEED).permutation(len(vectors))].astype(np.float32)


def write_fvecs(path, vectors):
    head = np.full((len(vectors), 1), vectors.shape[1], dtype="<i4")
    np.hstack([head, vectors.astype("<f4").view("<i4")]).tofile(path)


def main():
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    vectors = descriptors()
    write_fvecs(os.path.join(sys.argv[1], "sift.query.fvecs"), vectors[:QUERIES])
    write_fvecs(os.path.join(sys.argv[1], "sift.base.fvecs"), vectors[QUERIES:])
    print(f"sift: {len(vectors) - QUERIES} base, {QUERIES} queries", file=sys.stderr)


main()
