"""psycopg 3 with vectors: parameters as text and in binary, results in both, COPY in both.

The binary formats are packed here by hand, as an application's own adapter does it, in network byte
order: of vector and halfvec two int16 (the number of dimensions, and 0), then the elements; of
sparsevec three int32 (dimensions, elements that are not zero, and 0), then indexes from 0 as int32,
then the elements as float32.
"""

import os
import struct
import sys
import traceback
from array import array

import psycopg
from psycopg.adapt import Dumper, Loader
from psycopg.pq import Format
from psycopg.types import TypeInfo

EXTENSION = os.environ["CLIENT_EXTENSION"]
TESTS = []


def test(function):
    TESTS.append(function)
    return function


class Vector:
    """A vector of float32, in both formats."""

    def __init__(self, elements):
        self.elements = array("f", elements)

    def __eq__(self, other):
        return type(self) is type(other) and self.elements == other.elements

    def __repr__(self):
        return f"{type(self).__name__}({list(self.elements)})"

    def to_text(self):
        return "[" + ",".join(repr(x) for x in self.elements) + "]"

    @classmethod
    def from_text(cls, text):
        return cls(float(x) for x in text[1:-1].split(","))

    def to_binary(self):
        return struct.pack(f"!hh{len(self.elements)}f", len(self.elements), 0, *self.elements)

    @classmethod
    def from_binary(cls, data):
        dimensions, unused = struct.unpack_from("!hh", data)
        assert unused == 0 and len(data) == 4 + 4 * dimensions
        return cls(struct.unpack_from(f"!{dimensions}f", data, 4))


class HalfVector(Vector):
    """Elements that are half-precision numbers."""

    def to_binary(self):
        return struct.pack(f"!hh{len(self.elements)}e", len(self.elements), 0, *self.elements)

    @classmethod
    def from_binary(cls, data):
        dimensions, unused = struct.unpack_from("!hh", data)
        assert unused == 0 and len(data) == 4 + 2 * dimensions
        return cls(struct.unpack_from(f"!{dimensions}e", data, 4))


class SparseVector:
    """Dimensions, and a dictionary of elements that are not zero by their index from 0."""

    def __init__(self, dimensions, elements):
        self.dimensions = dimensions
        self.elements = dict(zip(elements, array("f", elements.values())))

    def __eq__(self, other):
        return self.dimensions == other.dimensions and self.elements == other.elements

    def __repr__(self):
        return f"SparseVector({self.dimensions}, {self.elements})"

    def to_text(self):
        elements = ",".join(f"{i + 1}:{x!r}" for i, x in self.elements.items())
        return f"{{{elements}}}/{self.dimensions}"

    @classmethod
    def from_text(cls, text):
        elements, dimensions = text.split("/")
        pairs = [pair.split(":") for pair in elements[1:-1].split(",") if pair]
        return cls(int(dimensions), {int(i) - 1: float(x) for i, x in pairs})

    def to_binary(self):
        count = len(self.elements)
        return struct.pack(f"!iii{count}i{count}f", self.dimensions, count, 0, *self.elements, *self.elements.values())

    @classmethod
    def from_binary(cls, data):
        dimensions, count, unused = struct.unpack_from("!iii", data)
        assert unused == 0 and len(data) == 12 + 8 * count
        numbers = struct.unpack_from(f"!{count}i{count}f", data, 12)
        return cls(dimensions, dict(zip(numbers[:count], numbers[count:])))


def register(connection, name, python_class):
    """Adapts a class to a type of the database, in both formats."""
    info = TypeInfo.fetch(connection, name)
    assert info is not None, f"no type {name}"
    info.register(connection)

    class TextDumper(Dumper):
        oid = info.oid

        def dump(self, obj):
            return obj.to_text().encode()

    class BinaryDumper(Dumper):
        oid = info.oid
        format = Format.BINARY

        def dump(self, obj):
            return obj.to_binary()

    class TextLoader(Loader):
        def load(self, data):
            return python_class.from_text(bytes(data).decode())

    class BinaryLoader(Loader):
        format = Format.BINARY

        def load(self, data):
            return python_class.from_binary(bytes(data))

    for adapter in (TextDumper, BinaryDumper):
        connection.adapters.register_dumper(python_class, adapter)
    for adapter in (TextLoader, BinaryLoader):
        connection.adapters.register_loader(info.oid, adapter)


def vectors(count, dimensions):
    """Distinct vectors, some of whose elements are no round numbers."""
    return [
        Vector((i * (j + 3)) % 1009 / (j + 1) for j in range(dimensions)) for i in range(1, count + 1)
    ]


def half_vectors(count, dimensions):
    """Distinct vectors of half-precision numbers."""
    return [HalfVector((i * (j + 3)) % 1009 for j in range(dimensions)) for i in range(1, count + 1)]


def sparse_vectors(count, dimensions):
    """Distinct vectors with seven elements that are not zero; the first has none."""
    return [
        SparseVector(dimensions, {j * 10 + i * j % 10: 1 + i / 1000 for j in range(1, 8)} if i else {})
        for i in range(count)
    ]


def binary_copy(connection, table, type_name, column, rows):
    """Creates a table, copies the rows into it and out of it again, in the binary format."""
    connection.execute(f"CREATE TABLE {table} (id int PRIMARY KEY, v {column})")
    with connection.cursor() as cursor:
        with cursor.copy(f"COPY {table} FROM STDIN (FORMAT BINARY)") as copy:
            copy.set_types(["int4", type_name])
            for i, v in enumerate(rows):
                copy.write_row([i, v])
        with cursor.copy(f"COPY (SELECT * FROM {table} ORDER BY id) TO STDOUT (FORMAT BINARY)") as copy:
            copy.set_types(["int4", type_name])
            assert list(copy.rows()) == list(enumerate(rows))


def search_agrees(connection, table, index, operator, query):
    """The index is used and finds rows as near as a scan does.  Returns the nearest one's id."""
    search = f"SELECT v {operator} %b, id FROM {table} ORDER BY 1 LIMIT 5"
    for storage in ("mmap", "buffer_pool") if EXTENSION == "vectorstore" else (None,):
        if storage:
            connection.execute(f"ALTER INDEX {index} SET (storage = {storage})")
        with connection.transaction():
            connection.execute("SET LOCAL enable_seqscan = off")
            connection.execute("SET LOCAL hnsw.ef_search = 1000")
            plan = connection.execute("EXPLAIN " + search, [query]).fetchall()
            assert f"Index Scan using {index}" in plan[1][0], plan
            by_index = connection.execute(search, [query], binary=True, prepare=True).fetchall()
        with connection.transaction():
            connection.execute("SET LOCAL enable_indexscan = off")
            exact = connection.execute(search, [query], binary=True).fetchall()
        assert [row[0] for row in by_index] == [row[0] for row in exact], (by_index, exact)
        assert by_index[0] == exact[0], (by_index, exact)
    return by_index[0][1]


def fails(connection, sqlstate, query, parameters=None, binary=None):
    """The query fails with this SQLSTATE, and the connection lives."""
    try:
        with connection.transaction():
            connection.execute(query, parameters, binary=binary)
    except psycopg.Error as error:
        assert error.sqlstate == sqlstate, f"{error.sqlstate}: {error}"
        return str(error)
    raise AssertionError(f"no error: {query}")


@test
def vector_parameters_as_text(connection):
    connection.execute("CREATE TABLE items (id serial PRIMARY KEY, v vector(3))")
    connection.execute("INSERT INTO items (v) VALUES (%s), (%s::vector), (NULL)", ["[1,2,3]", "[4,5,6]"])
    connection.execute("INSERT INTO items (v) VALUES (%t)", [Vector([7, 8, 9.5])])
    assert connection.execute("SELECT v FROM items ORDER BY id").fetchall() == [
        (Vector([1, 2, 3]),), (Vector([4, 5, 6]),), (None,), (Vector([7, 8, 9.5]),)]


@test
def vector_parameters_in_binary(connection):
    sent = [Vector([0.1, -0.2, 1e-38]), Vector([3.4e38, -0.0, 5])]
    for v in sent:
        for prepare in (False, True):
            back = connection.execute("SELECT %b, %t", [v, v], binary=True, prepare=prepare).fetchone()
            assert back == (v, v), back
            assert connection.execute("SELECT %b", [v], binary=False).fetchone() == (v,)
    with connection.cursor() as cursor:
        cursor.executemany("INSERT INTO items (v) VALUES (%b)", [[v] for v in sent])
    found = connection.execute("SELECT v FROM items WHERE id > 4 ORDER BY id", binary=True).fetchall()
    assert found == [(v,) for v in sent], found


@test
def vector_arrays_in_both_formats(connection):
    sent = [Vector([1, 2]), Vector([3, 4])]
    for query in ("SELECT %t::vector[]", "SELECT %b::vector[]"):
        for binary in (False, True):
            assert connection.execute(query, [sent], binary=binary).fetchone() == (sent,)
    found = connection.execute("SELECT count(*) FROM items WHERE v = ANY (%b)", [[Vector([1, 2, 3])]])
    assert found.fetchone() == (1,)


@test
def vector_values_that_are_no_vectors(connection):
    class Raw(Vector):
        """Bytes that are sent as they are."""

        def __init__(self, data):
            self.data = data

        def to_binary(self):
            return self.data

    register(connection, "vector", Raw)
    for data, sqlstate in (
        (struct.pack("!hh", 0, 0), "22000"),  # no dimension
        (struct.pack("!hh", -1, 0), "22000"),
        (struct.pack("!hh", 16001, 0), "54000"),
        (struct.pack("!hhf", 1, 1, 1.0), "22000"),  # what is unused must be 0
        (struct.pack("!hhf", 2, 0, 1.0), "08P01"),  # too short
        (struct.pack("!hhff", 1, 0, 1.0, 2.0), "22P03"),  # too long
        (struct.pack("!hhf", 1, 0, float("nan")), "22000"),
        (struct.pack("!hhf", 1, 0, float("inf")), "22000"),
        (b"", "08P01"),
    ):
        fails(connection, sqlstate, "SELECT %b", [Raw(data)])
    register(connection, "vector", Vector)
    assert "expected 3 dimensions, not 2" in fails(
        connection, "22000", "INSERT INTO items (v) VALUES (%b)", [Vector([1, 2])])
    assert "different vector dimensions 2 and 1" in fails(
        connection, "22000", "SELECT %b <-> %b", [Vector([1, 2]), Vector([1])])
    fails(connection, "22P02", "SELECT %t::vector", ["[1,2"])


@test
def vector_binary_copy_by_rows(connection):
    connection.execute("CREATE TABLE many (id int PRIMARY KEY, v vector(8))")
    sent = vectors(1000, 8)
    with connection.cursor() as cursor:
        with cursor.copy("COPY many (id, v) FROM STDIN (FORMAT BINARY)") as copy:
            copy.set_types(["int4", "vector"])
            for i, v in enumerate(sent):
                copy.write_row([i, v])
        with cursor.copy("COPY (SELECT id, v FROM many ORDER BY id) TO STDOUT (FORMAT BINARY)") as copy:
            copy.set_types(["int4", "vector"])
            assert list(copy.rows()) == list(enumerate(sent))


@test
def vector_binary_copy_by_bytes(connection):
    """The whole file is made and read here."""
    sent = vectors(1000, 8)
    header = b"PGCOPY\n\xff\r\n\0" + struct.pack("!ii", 0, 0)
    rows = b"".join(
        struct.pack("!hiii", 2, 4, i, 4 + 4 * 8) + v.to_binary() for i, v in enumerate(sent))
    trailer = struct.pack("!h", -1)
    connection.execute("CREATE TABLE copied (id int, v vector(8))")
    with connection.cursor() as cursor:
        with cursor.copy("COPY copied FROM STDIN (FORMAT BINARY)") as copy:
            copy.write(header + rows + trailer)
        with cursor.copy("COPY (SELECT * FROM copied ORDER BY id) TO STDOUT (FORMAT BINARY)") as copy:
            received = b"".join(bytes(data) for data in copy)
    assert received == header + rows + trailer
    different = connection.execute("SELECT count(*) FROM copied c FULL JOIN many m USING (id, v)"
                                   " WHERE c.id IS NULL OR m.id IS NULL")
    assert different.fetchone() == (0,)


@test
def vector_text_copy(connection):
    sent = vectors(1000, 8)
    connection.execute("TRUNCATE copied")
    with connection.cursor() as cursor:
        with cursor.copy("COPY copied FROM STDIN") as copy:
            for i, v in enumerate(sent):
                copy.write_row([i, v])
        with cursor.copy("COPY (SELECT id, v FROM copied ORDER BY id) TO STDOUT") as copy:
            copy.set_types(["int4", "vector"])
            assert list(copy.rows()) == list(enumerate(sent))


@test
def vector_search_by_binary_parameters(connection):
    connection.execute("CREATE INDEX many_index ON many USING hnsw (v vector_l2_ops)")
    sent = vectors(1000, 8)
    for i in (0, 400, 999):
        assert search_agrees(connection, "many", "many_index", "<->", sent[i]) == i


@test
def vector_in_a_pipeline(connection):
    """Inserts and searches of one round trip."""
    with connection.pipeline():
        cursors = []
        for v in vectors(20, 3):
            connection.execute("INSERT INTO items (v) VALUES (%b)", [v])
            cursors.append(connection.execute("SELECT v FROM items ORDER BY v <-> %b LIMIT 1", [v], binary=True))
        assert [cursor.fetchone()[0] for cursor in cursors] == vectors(20, 3)


@test
def halfvec_in_both_formats(connection):
    register(connection, "halfvec", HalfVector)
    for v in (HalfVector([1, 2.5, -65504]), HalfVector([2**-24, -0.0])):
        for prepare in (False, True):
            back = connection.execute("SELECT %b, %t", [v, v], binary=True, prepare=prepare).fetchone()
            assert back == (v, v), back
            assert connection.execute("SELECT %b", [v], binary=False).fetchone() == (v,)
    rows = half_vectors(1000, 8)
    binary_copy(connection, "half_many", "halfvec", "halfvec(8)", rows)
    for method in "hnsw", "ivfflat":
        connection.execute(f"CREATE INDEX half_{method} ON half_many USING {method} (v halfvec_l2_ops)")
        connection.execute("SET ivfflat.probes = 100")
        assert search_agrees(connection, "half_many", f"half_{method}", "<->", rows[77]) == 77
        connection.execute(f"DROP INDEX half_{method}")


@test
def sparsevec_in_both_formats(connection):
    register(connection, "sparsevec", SparseVector)
    for v in (SparseVector(5, {0: 1, 4: -2.5}), SparseVector(1000000000, {999999999: 1e-20}), SparseVector(3, {})):
        for prepare in (False, True):
            back = connection.execute("SELECT %b, %t", [v, v], binary=True, prepare=prepare).fetchone()
            assert back == (v, v), back
            assert connection.execute("SELECT %b", [v], binary=False).fetchone() == (v,)
    rows = sparse_vectors(1000, 1000)
    binary_copy(connection, "sparse_many", "sparsevec", "sparsevec(1000)", rows)
    connection.execute("CREATE INDEX sparse_index ON sparse_many USING hnsw (v sparsevec_l2_ops)")
    assert search_agrees(connection, "sparse_many", "sparse_index", "<->", rows[77]) == 77


@test
def halfvec_and_sparsevec_values_that_are_none(connection):
    class Raw(Vector):
        """Bytes that are sent as they are."""

        def __init__(self, data):
            self.data = data

        def to_binary(self):
            return self.data

    cases = {
        "halfvec": (
            (struct.pack("!hh", 0, 0), "22000"),
            (struct.pack("!hh", 16001, 0), "54000"),
            (struct.pack("!hhe", 1, 1, 1.0), "22000"),
            (struct.pack("!hhe", 2, 0, 1.0), "08P01"),
            (struct.pack("!hhee", 1, 0, 1.0, 2.0), "22P03"),
            (struct.pack("!hhe", 1, 0, float("nan")), "22000"),
            (struct.pack("!hhe", 1, 0, float("inf")), "22000"),
        ),
        "sparsevec": (
            (struct.pack("!iii", 0, 0, 0), "22000"),
            (struct.pack("!iii", 1000000001, 0, 0), "54000"),
            (struct.pack("!iii", 5, -1, 0), "22000"),
            (struct.pack("!iii", 5, 6, 0), "54000"),
            (struct.pack("!iii", 5, 0, 1), "22000"),
            (struct.pack("!iiiif", 5, 1, 0, 5, 1.0), "22000"),  # index out of range
            (struct.pack("!iiiif", 5, 1, 0, -1, 1.0), "22000"),
            (struct.pack("!iiiiiff", 5, 2, 0, 3, 3, 1.0, 1.0), "22000"),  # twice
            (struct.pack("!iiiif", 5, 1, 0, 0, 0.0), "22000"),  # a zero
            (struct.pack("!iiiif", 5, 1, 0, 0, float("nan")), "22000"),
            (struct.pack("!iiii", 5, 1, 0, 0), "08P01"),  # too short
        ),
    }
    for name, values in cases.items():
        register(connection, name, Raw)
        for data, sqlstate in values:
            fails(connection, sqlstate, "SELECT %b", [Raw(data)])
    register(connection, "halfvec", HalfVector)
    register(connection, "sparsevec", SparseVector)


@test
def bit_parameters(connection):
    connection.execute("CREATE TABLE bits (id int PRIMARY KEY, v bit(16))")
    with connection.cursor() as cursor:
        with cursor.copy("COPY bits FROM STDIN (FORMAT BINARY)") as copy:
            for i in range(1000):
                value = struct.pack("!iH", 16, i * 40503 % 65536)
                copy.write((b"PGCOPY\n\xff\r\n\0" + bytes(8) if i == 0 else b"")
                           + struct.pack("!hiii", 2, 4, i, len(value)) + value)
            copy.write(struct.pack("!h", -1))
    for operator, distance in (("<~>", 0), ("<%%>", 0)):
        found = connection.execute(f"SELECT id, v {operator} %s::bit(16) AS distance FROM bits ORDER BY 2, 1 LIMIT 1",
                                   [f"{77 * 40503 % 65536:016b}"])
        assert found.fetchone() == (77, distance)
    connection.execute("CREATE INDEX bits_index ON bits USING hnsw (v bit_hamming_ops)")
    with connection.transaction():
        connection.execute("SET LOCAL enable_seqscan = off")
        connection.execute("SET LOCAL hnsw.ef_search = 200")
        found = connection.execute("SELECT id FROM bits ORDER BY v <~> %s::bit(16) LIMIT 1", [f"{77 * 40503 % 65536:016b}"])
        assert found.fetchone() == (77,)
    quantized = connection.execute("SELECT binary_quantize(%b)::text", [Vector([1, -1, 0, 2])])
    assert quantized.fetchone() == ("1001",)


@test
def casts_between_the_types(connection):
    half, sparse = HalfVector([1, 0, 2.5]), SparseVector(3, {0: 1, 2: 2.5})
    single = Vector(half.elements)
    for value in (half, sparse, single):
        back = connection.execute("SELECT %(v)b::vector, %(v)b::halfvec, %(v)b::sparsevec", {"v": value}, binary=True)
        assert back.fetchone() == (single, half, sparse)
    assert connection.execute("SELECT %s::real[]::halfvec, %s::real[]::sparsevec",
                              [[1.0, 0.0, 2.5]] * 2).fetchone() == (half, sparse)


def main():
    failed = 0
    with psycopg.connect(autocommit=True) as connection:
        connection.execute(f"CREATE EXTENSION {EXTENSION}")
        register(connection, "vector", Vector)
        print(f"# psycopg {psycopg.__version__}, libpq {psycopg.pq.version()}, {psycopg.pq.__impl__}")
        print(f"1..{len(TESTS)}")
        for number, function in enumerate(TESTS, 1):
            name = function.__name__.replace("_", " ")
            try:
                function(connection)
                print(f"ok {number} - {name}", flush=True)
            except Exception:
                failed += 1
                print(f"not ok {number} - {name}")
                print("".join("# " + line for line in traceback.format_exc().splitlines(True)), flush=True)
    return 1 if failed else 0


sys.exit(main())
