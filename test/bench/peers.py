"""Libraries that search in their own process, one thread, on the same vectors: peers.cpp runs them.

Their indexes are built once in a run, or once in a directory that is kept (WORK).
"""
import json
import os
import subprocess

from configurations import KINDS, setting
from datasets import K
from server import fail


class Peer:
    def __init__(self, name, kind, index, efforts):
        self.name = name
        self.kind = kind
        self.index = index  # as peers.cpp names it; {half} is half the number of dimensions
        self.efforts = efforts


def probes(k_factors):
    """As Faiss's efforts are written, with each number of raw vectors that it compares with."""
    return " ".join(f"{number}/{factor}" for number in KINDS["lists"].efforts for factor in k_factors)


PASS_LIMIT_S = 4
LISTS = setting("LISTS", 1000)
PEERS = [
    Peer("hnswlib", "graphs", f"hnswlib:{setting('M', 16)},{setting('EF_CONSTRUCTION', 64)}",
         " ".join(map(str, KINDS["graphs"].efforts))),
    Peer("faiss IVF,PQ4fs,RFlat", "lists", f"faiss:IVF{LISTS},PQ{{half}}x4fs,RFlat", probes([10, 30])),
    Peer("faiss IVF,SQ8", "lists", f"faiss:IVF{LISTS},SQ8",
         " ".join(map(str, KINDS["lists"].efforts))),
    Peer("faiss IVF,Flat", "lists", f"faiss:IVF{LISTS},Flat",
         " ".join(map(str, KINDS["lists"].efforts))),
]


class Peers:
    """The libraries on one data set."""

    def __init__(self, data):
        self.data = data
        self.cache = os.path.join(os.environ["WORK"], f"peers-{data.name}-{data.rows}")
        os.makedirs(self.cache, exist_ok=True)

    def measure(self, peer):
        index = peer.index.format(half=self.data.dimensions // 2)
        command = [os.environ["PEERS"], self.data.base, str(self.data.rows), self.data.query,
                   self.data.truth, self.data.metric, str(K), self.cache, str(PASS_LIMIT_S), index, peer.efforts]
        done = subprocess.run(command, capture_output=True, text=True)
        if done.returncode != 0:
            fail(f"{peer.name}: {done.stderr}")
        return json.loads(done.stdout)
