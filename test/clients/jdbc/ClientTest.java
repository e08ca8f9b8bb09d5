import java.io.ByteArrayOutputStream;
import java.io.Serializable;
import java.io.StringReader;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.sql.Array;
import java.sql.Connection;
import java.sql.DriverManager;
import java.sql.PreparedStatement;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Statement;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Properties;

import org.postgresql.PGConnection;
import org.postgresql.util.PGBinaryObject;
import org.postgresql.util.PGobject;

/**
 * PostgreSQL's JDBC driver with vectors: as PGobject, which is text, and as a class of its own that
 * speaks the binary format too, as pgvector's Java package has one.
 */
public final class ClientTest
{
	private static final String EXTENSION = System.getenv("CLIENT_EXTENSION");

	private interface Body
	{
		void run(Connection connection) throws Exception;
	}

	private record Test(String name, Body body) {}

	private static final List<Test> tests = new ArrayList<>();

	private static void test(String name, Body body)
	{
		tests.add(new Test(name, body));
	}

	/** A vector that the driver sends and reads in the binary format once it may. */
	public static final class Vector extends PGobject implements PGBinaryObject, Serializable, Cloneable
	{
		private static final long serialVersionUID = 1L;

		/** Counts what came in by the binary format. */
		static int binaryReads;

		float[] elements = {};

		public Vector()
		{
			type = "vector";
		}

		Vector(float... elements)
		{
			this();
			this.elements = elements;
		}

		@Override
		public void setValue(String text)
		{
			String[] parts = text.substring(1, text.length() - 1).split(",");
			elements = new float[parts.length];
			for (int i = 0; i < parts.length; i++)
				elements[i] = Float.parseFloat(parts[i]);
		}

		@Override
		public String getValue()
		{
			return Arrays.toString(elements).replace(" ", "");
		}

		@Override
		public void setByteValue(byte[] bytes, int offset)
		{
			ByteBuffer buffer = ByteBuffer.wrap(bytes, offset, bytes.length - offset);
			elements = new float[buffer.getShort()];
			check(buffer.getShort() == 0, "the unused field is 0");
			for (int i = 0; i < elements.length; i++)
				elements[i] = buffer.getFloat();
			binaryReads++;
		}

		@Override
		public int lengthInBytes()
		{
			return 4 + 4 * elements.length;
		}

		@Override
		public void toBytes(byte[] bytes, int offset)
		{
			ByteBuffer buffer = ByteBuffer.wrap(bytes, offset, lengthInBytes());
			buffer.putShort((short) elements.length).putShort((short) 0);
			for (float element : elements)
				buffer.putFloat(element);
		}

		@Override
		public boolean equals(Object other)
		{
			return other instanceof Vector && Arrays.equals(elements, ((Vector) other).elements);
		}

		@Override
		public int hashCode()
		{
			return Arrays.hashCode(elements);
		}

		@Override
		public Object clone() throws CloneNotSupportedException
		{
			Vector copy = (Vector) super.clone();
			copy.elements = elements.clone();
			return copy;
		}
	}

	private static void check(boolean condition, String what)
	{
		if (!condition)
			throw new AssertionError(what);
	}

	private static void same(Object expected, Object found, String what)
	{
		check(expected == null ? found == null : expected.equals(found),
			what + ": expected " + expected + ", found " + found);
	}

	private static void execute(Connection connection, String sql) throws SQLException
	{
		try (Statement statement = connection.createStatement())
		{
			statement.execute(sql);
		}
	}

	private static PGobject object(String type, String value) throws SQLException
	{
		PGobject object = new PGobject();
		object.setType(type);
		object.setValue(value);
		return object;
	}

	/** The first column of all rows. */
	private static List<Object> column(Connection connection, String sql, Object... parameters)
		throws SQLException
	{
		try (PreparedStatement statement = connection.prepareStatement(sql))
		{
			for (int i = 0; i < parameters.length; i++)
				statement.setObject(i + 1, parameters[i]);
			List<Object> values = new ArrayList<>();
			try (ResultSet result = statement.executeQuery())
			{
				while (result.next())
					values.add(result.getObject(1));
			}
			return values;
		}
	}

	private static void fails(Connection connection, String state, String sql, Object... parameters)
	{
		try
		{
			column(connection, sql, parameters);
		}
		catch (SQLException error)
		{
			same(state, error.getSQLState(), error.getMessage());
			return;
		}
		throw new AssertionError("no error: " + sql);
	}

	private static Vector vector(int i)
	{
		Vector vector = new Vector(new float[8]);
		for (int j = 0; j < 8; j++)
			vector.elements[j] = (float) (i * (j + 3) % 1009) / (j + 1);
		return vector;
	}

	static
	{
		test("vector: PGobject as a parameter and as a result", connection -> {
			execute(connection, "CREATE TABLE items (id serial PRIMARY KEY, v vector(3))");
			try (PreparedStatement insert = connection.prepareStatement("INSERT INTO items (v) VALUES (?)"))
			{
				for (String value : new String[] {"[1,2,3]", "[4,5,6]", "[0.25,-1e-10,7]"})
				{
					insert.setObject(1, object("vector", value));
					insert.addBatch();
				}
				insert.setNull(1, java.sql.Types.OTHER);
				insert.addBatch();
				check(Arrays.equals(new int[] {1, 1, 1, 1}, insert.executeBatch()), "a batch of four rows");
			}
			same(Arrays.asList(object("vector", "[1,2,3]"), object("vector", "[4,5,6]"),
					object("vector", "[0.25,-1e-10,7]"), null),
				column(connection, "SELECT v FROM items ORDER BY id"), "rows");
		});

		test("vector: strings, real[] and metadata", connection -> {
			same(List.of("[1,2,3]"), column(connection, "SELECT (?::vector)::text", "[1,2,3]"), "string");
			Array array = connection.createArrayOf("float4", new Float[] {1f, 2f, 3f});
			same(List.of(1), column(connection, "SELECT id FROM items WHERE v = ?::vector", array), "real[]");
			try (Statement statement = connection.createStatement();
				ResultSet result = statement.executeQuery("SELECT v, v::real[] FROM items WHERE id = 1"))
			{
				same("vector", result.getMetaData().getColumnTypeName(1), "type name of a result");
				check(result.next(), "a row");
				check(Arrays.equals(new Float[] {1f, 2f, 3f}, (Object[]) result.getArray(2).getArray()), "real[]");
			}
			try (ResultSet columns = connection.getMetaData().getColumns(null, null, "items", "v"))
			{
				check(columns.next(), "the column is listed");
				same("vector", columns.getString("TYPE_NAME"), "type name of a column");
			}
		});

		test("vector: search by each operator with a server-side prepared statement", connection -> {
			String sql = "SELECT id FROM items WHERE v IS NOT NULL ORDER BY v %s ? LIMIT 1";
			for (int round = 0; round < 7; round++) // the driver prepares from the fifth on
			{
				same(List.of(2), column(connection, String.format(sql, "<->"), object("vector", "[4,5,6.5]")), "<->");
				same(List.of(2), column(connection, String.format(sql, "<#>"), object("vector", "[1,1,1]")), "<#>");
				same(List.of(1), column(connection, String.format(sql, "<=>"), object("vector", "[2,4,6]")), "<=>");
				same(List.of(3), column(connection, String.format(sql, "<+>"), object("vector", "[0,0,7]")), "<+>");
			}
		});

		test("vector: a class of the application's own, in the binary format", connection -> {
			int oid = ((Long) column(connection, "SELECT 'vector'::regtype::oid").get(0)).intValue();
			Properties properties = new Properties();
			properties.setProperty("binaryTransferEnable", Integer.toString(oid));
			properties.setProperty("prepareThreshold", "-1");
			try (Connection binary = connect(properties))
			{
				binary.unwrap(PGConnection.class).addDataType("vector", Vector.class);
				execute(binary, "CREATE TABLE many (id int PRIMARY KEY, v vector(8))");
				try (PreparedStatement insert = binary.prepareStatement("INSERT INTO many VALUES (?, ?)"))
				{
					for (int i = 1; i <= 1000; i++)
					{
						insert.setInt(1, i);
						insert.setObject(2, vector(i));
						insert.addBatch();
					}
					same(1000, Arrays.stream(insert.executeBatch()).sum(), "rows");
				}
				List<Object> found = column(binary, "SELECT v FROM many ORDER BY id");
				for (int i = 1; i <= 1000; i++)
					same(vector(i), found.get(i - 1), "row " + i);
				same(1000, Vector.binaryReads, "all were read in the binary format");
			}
			connection.unwrap(PGConnection.class).addDataType("vector", Vector.class);
			same(vector(77), column(connection, "SELECT v FROM many WHERE id = 77").get(0), "read as text");
			same(1000, Vector.binaryReads, "this one was not");
			connection.unwrap(PGConnection.class).addDataType("vector", PGobject.class);
		});

		test("vector: search by an index in both storages", connection -> {
			execute(connection, "CREATE INDEX many_index ON many USING hnsw (v vector_l2_ops)");
			String sql = "SELECT id FROM many ORDER BY v <-> ? LIMIT 10";
			String[] storages = EXTENSION.equals("vectorstore") ? new String[] {"mmap", "buffer_pool"} : new String[] {null};
			for (String storage : storages)
			{
				if (storage != null)
					execute(connection, "ALTER INDEX many_index SET (storage = " + storage + ")");
				for (int i : new int[] {1, 500, 1000})
				{
					PGobject query = object("vector", vector(i).getValue());
					execute(connection, "SET enable_seqscan = off");
					String plan = (String) column(connection, "EXPLAIN " + sql, query).get(1);
					check(plan.contains("Index Scan using many_index"), plan);
					List<Object> byIndex = column(connection, sql, query);
					execute(connection, "RESET enable_seqscan; SET enable_indexscan = off");
					List<Object> exact = column(connection, sql, query);
					execute(connection, "RESET enable_indexscan");
					same(i, byIndex.get(0), "the row itself is the nearest");
					same(exact, byIndex, "the index agrees with a scan");
				}
			}
		});

		test("vector: COPY in and out", connection -> {
			execute(connection, "CREATE TABLE copied (LIKE many)");
			StringBuilder text = new StringBuilder();
			for (int i = 1; i <= 1000; i++)
				text.append(i).append('\t').append(vector(i).getValue()).append('\n');
			same(1000L, connection.unwrap(PGConnection.class).getCopyAPI().copyIn("COPY copied FROM STDIN",
				new StringReader(text.toString())), "rows");
			same(List.of(0L), column(connection, "SELECT count(*) FROM copied c FULL JOIN many m USING (id, v)"
				+ " WHERE c.id IS NULL OR m.id IS NULL"), "rows that differ");
			ByteArrayOutputStream out = new ByteArrayOutputStream();
			connection.unwrap(PGConnection.class).getCopyAPI().copyOut(
				"COPY (SELECT '[1,2.5,-3]'::vector) TO STDOUT", out);
			same("[1,2.5,-3]\n", out.toString(StandardCharsets.US_ASCII), "text of COPY");
		});

		test("halfvec, sparsevec, bit: PGobject as a parameter and as a result", connection -> {
			String[][] values = {
				{"halfvec", "halfvec(3)", "[1,2.5,-65504]", "[4,5,6]", "[4,5,7]"},
				{"sparsevec", "sparsevec(5)", "{1:1,3:2.5}/5", "{2:4,5:-1}/5", "{2:4,5:-1.5}/5"},
				{"bit", "bit(6)", "000000", "110110", "110111"}
			};
			for (String[] value : values)
			{
				String table = value[0] + "_items";
				execute(connection, "CREATE TABLE " + table + " (id serial PRIMARY KEY, v " + value[1] + ")");
				try (PreparedStatement insert = connection.prepareStatement("INSERT INTO " + table + " (v) VALUES (?)"))
				{
					for (int i = 2; i <= 3; i++)
					{
						insert.setObject(1, object(value[0], value[i]));
						insert.addBatch();
					}
					check(Arrays.equals(new int[] {1, 1}, insert.executeBatch()), "a batch of two rows");
				}
				String operator = value[0].equals("bit") ? "<~>" : "<->";
				for (int round = 0; round < 7; round++) // the driver prepares from the fifth on
				{
					same(List.of(2, 1), column(connection, "SELECT id FROM " + table + " ORDER BY v " + operator + " ?",
						object(value[0], value[4])), value[0] + ": search");
					same(List.of(value[2], value[3]), column(connection, "SELECT v::text FROM " + table + " ORDER BY id"),
						value[0] + ": text");
					if (!value[0].equals("bit"))
						same(List.of(object(value[0], value[2]), object(value[0], value[3])),
							column(connection, "SELECT v FROM " + table + " ORDER BY id"), value[0] + ": rows");
				}
			}
			same(List.of("101"), column(connection, "SELECT binary_quantize(?::vector)::text", "[1,-1,2]"), "quantized");
		});

		test("halfvec, sparsevec: errors carry their SQLSTATE", connection -> {
			fails(connection, "22003", "SELECT ?", object("halfvec", "[65520]"));
			fails(connection, "22P02", "SELECT ?", object("halfvec", "[1"));
			fails(connection, "22000", "INSERT INTO halfvec_items (v) VALUES (?) RETURNING id", object("halfvec", "[1,2]"));
			fails(connection, "22P02", "SELECT ?", object("sparsevec", "{1:1}"));
			fails(connection, "22000", "SELECT ?", object("sparsevec", "{6:1}/5"));
			fails(connection, "22000", "INSERT INTO sparsevec_items (v) VALUES (?) RETURNING id", object("sparsevec", "{1:1}/4"));
		});

		test("vector: errors carry their SQLSTATE", connection -> {
			fails(connection, "22000", "INSERT INTO items (v) VALUES (?) RETURNING id", object("vector", "[1,2]"));
			fails(connection, "22P02", "SELECT ?", object("vector", "[1,2"));
			fails(connection, "22P02", "SELECT ?", object("vector", "1,2"));
			fails(connection, "22000", "SELECT v <-> ? FROM items", object("vector", "[1]"));
			fails(connection, "22003", "SELECT ?", object("vector", "[1e39]"));
		});
	}

	private static Connection connect(Properties more) throws SQLException
	{
		Properties properties = new Properties(more);
		properties.setProperty("user", System.getenv("PGUSER"));
		properties.setProperty("password", System.getenv("PGPASSWORD"));
		for (String name : more.stringPropertyNames())
			properties.setProperty(name, more.getProperty(name));
		return DriverManager.getConnection("jdbc:postgresql://127.0.0.1:" + System.getenv("PGPORT") + "/"
			+ System.getenv("PGDATABASE"), properties);
	}

	public static void main(String[] arguments) throws Exception
	{
		int failed = 0;
		try (Connection connection = connect(new Properties()))
		{
			execute(connection, "CREATE EXTENSION " + EXTENSION);
			System.out.println("# driver " + connection.getMetaData().getDriverVersion());
			System.out.println("1.." + tests.size());
			for (int i = 0; i < tests.size(); i++)
			{
				try
				{
					tests.get(i).body().run(connection);
					System.out.println("ok " + (i + 1) + " - " + tests.get(i).name());
				}
				catch (Exception | AssertionError error)
				{
					failed++;
					System.out.println("not ok " + (i + 1) + " - " + tests.get(i).name());
					System.out.println(("" + error).replaceAll("(?m)^", "# "));
					for (StackTraceElement element : error.getStackTrace())
						System.out.println("#   at " + element);
				}
			}
		}
		System.exit(failed > 0 ? 1 : 0);
	}

	private ClientTest() {}
}
