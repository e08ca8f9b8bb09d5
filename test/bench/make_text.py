#!/usr/bin/env python3
"""Makes sets of real text vectors, to be compared by cosine distance.

usage: make_text.py OUT_DIR [--rows ROWS] [--translations FILE...] --dimensions DIMENSIONS...
Writes OUT_DIR/textDIMENSIONS.base.fvecs and OUT_DIR/textDIMENSIONS.query.fvecs (1,000 held-out texts) for
each of the DIMENSIONS.  With --rows, so many texts are taken by chance.

The texts are those of the machine that it runs on: the descriptions of all packages that apt knows
and the paragraphs of the English manual pages.  A description is one text, a paragraph of at least
MIN_WORDS words is one text.  They become vectors by latent semantic analysis: TF-IDF over single
words, then a truncated SVD (Halko, Martinsson, Tropp 2011, algorithm 4.4, with the basis kept on
the side of the words, which is the short one).  Sets of several dimensions come from one decomposition: the
vectors of 384 dimensions are the first 384 elements of those of 3072.  The vectors are not normalized.  Texts with the
same words are taken once, and so are equal vectors.  Random numbers are seeded: the same texts give
the same set, up to rounding.

Long descriptions are in apt's Translation-en files, which many containers do not fetch:
    apt-get -o Acquire::Languages=en update
then they are found in /var/lib/apt/lists; or their paths are given.  Without them the short
descriptions of `apt-cache dumpavail` are used.  Needs python3-numpy and python3-scipy.
"""
import argparse
import collections
import glob
import gzip
import os
import re
import subprocess
import sys

import numpy as np
import scipy.linalg
import scipy.sparse

OVERSAMPLING = 64
POWER_ITERATIONS = 4
FEWER_ITERATIONS = 2    # from MANY_DIMENSIONS on, of which the last have next to nothing of the lengths
MANY_DIMENSIONS = 1024
QUERIES = 1000
MIN_WORDS = 8
MIN_DOCUMENTS = 4       # a word in fewer texts tells nothing about nearness
MAX_SHARE = 0.2         # nor does one in more than this part of them
MAX_VOCABULARY = 60000
MIN_NORM = 0.05         # what is shorter lies outside of the subspace: its direction is chance
SPARE_TEXTS = 1.05      # of those that are taken by chance some are too short or equal
SEED = 1

WORD = re.compile(r"[a-z][a-z0-9]+(?:[-_+.][a-z0-9]+)*")
PARAGRAPH_MACRO = re.compile(
    r"[.'](?:PP|P|LP|TP|TQ|IP|HP|SH|SS|Sh|Ss|Pp|It|Bl|El|RS|RE|sp|nf|fi)\b")
DROPPED_MACRO = re.compile(
    r"[.'](?:\\\"|ds|de|am|nr|if|ie|el|so|TH|Dd|Dt|Os|in|ad|ti|ta|rm|tr|hy|nh)")
ESCAPES = (
    (re.compile(r"\\\".*"), ""),
    (re.compile(r"\\f(?:\[[^]]*\]|\(..|.)"), ""),
    (re.compile(r"\\s[-+]?\d+"), ""),
    (re.compile(r"\\\*(?:\[[^]]*\]|\(..|.)"), ""),
    (re.compile(r"\\(?:\[[^]]*\]|\(..)"), " "),
    (re.compile(r"\\[-.]"), "-"),
    (re.compile(r"\\[&%|^/,c]"), ""),
    (re.compile(r"\\."), " "),
)


def package_descriptions(paths):
    """Yields the description of each package: the long ones where there are any."""
    paths = paths or glob.glob("/var/lib/apt/lists/*Translation-en*")
    if paths:
        command, start = ["/usr/lib/apt/apt-helper", "cat-file", *paths], "Description-en:"
    else:
        command, start = ["apt-cache", "dumpavail"], "Description:"
    output = subprocess.run(command, capture_output=True, check=True).stdout
    text = None
    for line in output.decode("utf-8", "replace").split("\n"):
        if line.startswith(start):
            text = [line[len(start):]]
        elif text is not None and line.startswith(" "):
            text.append(line)
        elif text is not None:
            yield " ".join(text)
            text = None


def manual_paragraphs():
    """Yields the paragraphs of the manual pages, without their roff requests."""
    for path in sorted(glob.glob("/usr/share/man/man[1-9]*/*.gz")):
        if os.path.islink(path):
            continue
        with gzip.open(path, "rt", encoding="utf-8", errors="replace") as page:
            text = []
            for line in page:
                if not line.strip() or PARAGRAPH_MACRO.match(line):
                    if text:
                        yield " ".join(text)
                    text = []
                if DROPPED_MACRO.match(line):
                    continue
                if line[0] in ".'":
                    line = " ".join(line.split()[1:])
                for pattern, replacement in ESCAPES:
                    line = pattern.sub(replacement, line)
                text.append(line)
            if text:
                yield " ".join(text)


def distinct_texts(paths):
    """Returns one list of words for each text, no two with the same words."""
    seen, texts = set(), []
    for source in (package_descriptions(paths), manual_paragraphs()):
        before = len(texts)
        for text in source:
            words = WORD.findall(text.lower())
            key = hash(tuple(sorted(words)))
            if len(words) >= MIN_WORDS and key not in seen:
                seen.add(key)
                texts.append([sys.intern(word) for word in words])
        print(f"{len(texts) - before:8d} {source.__name__}", file=sys.stderr)
    return texts


def tf_idf(texts):
    """Returns the matrix of texts by words, with logarithmic frequencies and rows of length 1."""
    frequency = collections.Counter(word for words in texts for word in set(words))
    ranked = sorted(frequency.items(), key=lambda entry: (-entry[1], entry[0]))[:MAX_VOCABULARY]
    common = [(word, count) for word, count in ranked
              if MIN_DOCUMENTS <= count <= MAX_SHARE * len(texts)]
    column = {word: number for number, (word, _) in enumerate(common)}
    weight = np.log(len(texts) / np.array([count for _, count in common]))
    starts, columns, values = [0], [], []
    for words in texts:
        for word, count in collections.Counter(words).items():
            if word in column:
                columns.append(column[word])
                values.append((1 + np.log(count)) * weight[column[word]])
        starts.append(len(columns))
    matrix = scipy.sparse.csr_matrix((np.array(values, dtype=np.float32), columns, starts),
                                     shape=(len(texts), len(common)))
    length = np.sqrt(np.asarray(matrix.multiply(matrix).sum(axis=1)).ravel())
    matrix = matrix[length > 0]
    return scipy.sparse.diags((1 / length[length > 0]).astype(np.float32)) @ matrix


def project(matrix, dimensions):
    """Returns the rows of the matrix in the space of its first right singular vectors."""
    if matrix.shape[1] < dimensions + OVERSAMPLING:
        sys.exit(f"make_text: {matrix.shape[1]} words are too few for {dimensions} dimensions")
    iterations = POWER_ITERATIONS if dimensions < MANY_DIMENSIONS else FEWER_ITERATIONS
    random = np.random.default_rng(SEED)
    transposed = matrix.T.tocsr()
    basis = random.standard_normal((matrix.shape[1], dimensions + OVERSAMPLING), dtype=np.float32)
    for iteration in range(iterations):
        basis, _ = scipy.linalg.qr(transposed @ (matrix @ basis), mode="economic",
                                   overwrite_a=True, check_finite=False)
        print(f"power iteration {iteration + 1} of {iterations}", file=sys.stderr)
    image = matrix @ basis
    _, rotation = scipy.linalg.eigh(image.T @ image)
    return image @ np.ascontiguousarray(rotation[:, ::-1][:, :dimensions])


def write_fvecs(path, vectors):
    head = np.full((len(vectors), 1), vectors.shape[1], dtype="<i4")
    np.hstack([head, vectors.astype("<f4").view("<i4")]).tofile(path)


def shuffled(rows):
    return np.random.default_rng(SEED).permutation(rows)


def main():
    parser = argparse.ArgumentParser(usage=__doc__)
    parser.add_argument("out_dir")
    parser.add_argument("--rows", type=int)
    parser.add_argument("--translations", nargs="+")
    parser.add_argument("--dimensions", type=int, nargs="+", required=True)
    wanted = parser.parse_args()
    texts = distinct_texts(wanted.translations)
    if wanted.rows:
        enough = int((wanted.rows + QUERIES) * SPARE_TEXTS)
        texts = [texts[number] for number in shuffled(len(texts))[:enough]]
    vectors = project(tf_idf(texts), max(wanted.dimensions))
    vectors = vectors[np.linalg.norm(vectors[:, :min(wanted.dimensions)], axis=1) >= MIN_NORM]
    _, first = np.unique([row.tobytes() for row in vectors], return_index=True)
    first.sort()
    vectors = vectors[first[shuffled(len(first))]]
    end = QUERIES + wanted.rows if wanted.rows else len(vectors)
    for dimensions in wanted.dimensions:
        path = os.path.join(wanted.out_dir, f"text{dimensions}")
        write_fvecs(f"{path}.query.fvecs", vectors[:QUERIES, :dimensions])
        write_fvecs(f"{path}.base.fvecs", vectors[QUERIES:end, :dimensions])
        print(f"text{dimensions}: {len(vectors[QUERIES:end])} base, {QUERIES} queries", file=sys.stderr)


main()
