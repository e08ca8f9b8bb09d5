#!/usr/bin/env python3
"""Makes the small set of real vectors for `make demo` and the tests: test/data/sift.*.bvecs.gz.

usage: make_demo_set.py OUT_DIR
Needs Debian 12's python3-opencv, python3-numpy, gnome-backgrounds, plasma-workspace-wallpapers,
mate-backgrounds, ukui-wallpapers and lomiri-wallpapers-20.04; takes about 2 minutes.

The vectors are SIFT descriptors (Lowe 2004: 128 histogram counts from 0 to 255) of the pictures in
the wallpaper packages: BASE_ROWS of them to be searched and QUERY_ROWS others to search for, drawn
at random from all distinct descriptors of all pictures.  Random numbers are seeded, so that the
same versions of the packages give the same files.  README.md beside it tells format and licenses.
"""
import glob
import gzip
import os
import sys

import cv2
import numpy as np

PICTURE_DIRECTORIES = ("/usr/share/backgrounds", "/usr/share/wallpapers")
PICTURE_SUFFIXES = (".jpg", ".jpeg", ".png", ".webp")
MIN_PICTURE_BYTES = 60000           # smaller files are previews
MAX_SIDE_PIXELS = 2400
MAX_DESCRIPTORS_PER_PICTURE = 30000
BASE_ROWS = 20000
QUERY_ROWS = 200
SEED = 1


def picture_paths():
    for directory in PICTURE_DIRECTORIES:
        for path in sorted(glob.glob(directory + "/**/*", recursive=True)):
            if (path.lower().endswith(PICTURE_SUFFIXES) and not os.path.islink(path)
                    and os.path.getsize(path) > MIN_PICTURE_BYTES):
                yield path


def distinct_pictures():
    """Yields each picture once, in gray and at most MAX_SIDE_PIXELS wide and high."""
    seen = set()
    for path in picture_paths():
        picture = cv2.imread(path, cv2.IMREAD_GRAYSCALE)
        if picture is None:
            continue
        scale = MAX_SIDE_PIXELS / max(picture.shape)
        if scale < 1:
            picture = cv2.resize(picture, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
        # The packages hold the same picture in several sizes; as thumbnails those are equal.
        thumbnail = cv2.resize(picture, (16, 16), interpolation=cv2.INTER_AREA).tobytes()
        if thumbnail not in seen:
            seen.add(thumbnail)
            yield picture


def all_descriptors():
    """Returns the distinct descriptors of all pictures, and the number of the picture of each."""
    sift = cv2.SIFT_create(nfeatures=MAX_DESCRIPTORS_PER_PICTURE, contrastThreshold=0.01,
                           edgeThreshold=20)
    parts, origins = [], []
    for number, picture in enumerate(distinct_pictures()):
        _, descriptors = sift.detectAndCompute(picture, None)
        if descriptors is not None:
            parts.append(descriptors.astype(np.uint8))
            origins.append(np.full(len(descriptors), number))
    rows, first = np.unique(np.concatenate(parts), axis=0, return_index=True)
    return rows, np.concatenate(origins)[first]


def write_bvecs(path, rows):
    head = np.full((len(rows), 1), rows.shape[1], dtype="<i4").view(np.uint8)
    # Without a name and a time in the header, the same rows give the same file.
    with open(path, "wb") as file, gzip.GzipFile("", "wb", 9, file, mtime=0) as packed:
        packed.write(np.hstack([head, rows]).tobytes())


def main():
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    rows, origins = all_descriptors()
    chosen = np.random.default_rng(SEED).permutation(len(rows))[:BASE_ROWS + QUERY_ROWS]
    write_bvecs(os.path.join(sys.argv[1], "sift.query.bvecs.gz"), rows[chosen[:QUERY_ROWS]])
    write_bvecs(os.path.join(sys.argv[1], "sift.base.bvecs.gz"), rows[chosen[QUERY_ROWS:]])
    pictures = len(np.unique(origins[chosen[QUERY_ROWS:]]))
    print(f"{BASE_ROWS} base and {QUERY_ROWS} query rows of {len(rows)} distinct descriptors; "
          f"the base rows come from {pictures} pictures", file=sys.stderr)


main()
