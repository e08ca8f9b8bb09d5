// Node's pg with the npm package pgvector: types registered, rows inserted and searched, as an
// application does it that knows nothing of the extension behind the type.
import assert from 'node:assert/strict';
import pg from 'pg';
import pgvector from 'pgvector/pg';
import { SparseVector } from 'pgvector';

const client = new pg.Client();
const tests = [];

function test(name, body) {
	tests.push({ name, body });
}

async function rows(text, values) {
	return (await client.query(text, values)).rows;
}

// The error of a query that must fail.
async function failure(text, values) {
	await client.query('SAVEPOINT before');
	try {
		await client.query(text, values);
	} catch (error) {
		await client.query('ROLLBACK TO before');
		return error;
	}
	assert.fail(`no error: ${text}`);
}

// The two plans that a search may have, in one transaction that leaves nothing behind.
async function search(byIndex, text, values) {
	await client.query('BEGIN');
	await client.query(`SET LOCAL enable_${byIndex ? 'seqscan' : 'indexscan'} = off`);
	try {
		const plan = (await rows(`EXPLAIN ${text}`, values)).map((row) => row['QUERY PLAN']).join('\n');
		assert.match(plan, byIndex ? /Index Scan using/ : /Seq Scan/);
		return await rows(text, values);
	} finally {
		await client.query('ROLLBACK');
	}
}

test('registerTypes finds the types', async () => {
	await pgvector.registerTypes(client);
	const [row] = await rows("SELECT '[1,2.5,-3e-3]'::vector AS v, NULL::vector AS nothing");
	assert.deepEqual(row, { v: [1, 2.5, -0.003], nothing: null });
});

test('vector: insert with toSql, read back as arrays', async () => {
	await client.query('CREATE TABLE items (id serial PRIMARY KEY, embedding vector(3))');
	for (const v of [[1, 1, 1], [2, 2, 3], [1, 1, 2], null]) {
		await client.query('INSERT INTO items (embedding) VALUES ($1)', [pgvector.toSql(v)]);
	}
	assert.deepEqual(await rows('SELECT embedding FROM items ORDER BY id'),
		[[1, 1, 1], [2, 2, 3], [1, 1, 2], null].map((embedding) => ({ embedding })));
});

test('vector: the same through a prepared statement, RETURNING what was stored', async () => {
	const insert = {
		name: 'insert_item',
		text: 'INSERT INTO items (embedding) VALUES ($1) RETURNING id, embedding',
	};
	for (const v of [[0.5, 0.25, 0.125], [-1e10, 3, 1e-10]]) {
		const { rows: [row] } = await client.query({ ...insert, values: [pgvector.toSql(v)] });
		assert.deepEqual(row.embedding, v);
	}
});

test('vector: each operator by a scan and by its index', async () => {
	const query = pgvector.toSql([1, 1, 1.75]);
	const [distances] = await rows(`SELECT '[1,2,3]'::vector <-> $1 AS l2, '[1,2,3]'::vector <#> $1 AS ip,
		'[1,2,3]'::vector <=> $1 AS cosine, '[1,2,3]'::vector <+> $1 AS l1`, [query]);
	assert.equal(distances.l2, Math.sqrt(1 + 1.25 * 1.25));
	assert.equal(distances.ip, -8.25);
	assert.ok(Math.abs(distances.cosine - (1 - 8.25 / Math.sqrt(14 * 5.0625))) < 1e-12);
	assert.equal(distances.l1, 2.25);

	for (const [operator, operators] of
		[['<->', 'l2'], ['<#>', 'ip'], ['<=>', 'cosine'], ['<+>', 'l1']]) {
		await client.query(`CREATE INDEX by_index ON items USING hnsw (embedding vector_${operators}_ops)`);
		const text = `SELECT id, embedding ${operator} $1 AS distance FROM items
			WHERE embedding IS NOT NULL ORDER BY embedding ${operator} $1 LIMIT 3`;
		const found = await search(true, text, [query]);
		assert.equal(found.length, 3);
		assert.deepEqual(found, await search(false, text, [query]), operator);
		await client.query('DROP INDEX by_index');
	}
});

test('vector: a larger table, searched by hnsw in both storages', async () => {
	await client.query('CREATE TABLE many (id int PRIMARY KEY, embedding vector(8))');
	const vectors = Array.from({ length: 500 }, (_, i) => Array.from({ length: 8 }, (_, j) => (i * (j + 3)) % 503));
	await client.query('INSERT INTO many SELECT i, v::vector FROM unnest($1::int[], $2::text[]) AS t(i, v)',
		[vectors.map((_, i) => i), vectors.map((v) => pgvector.toSql(v))]);
	assert.deepEqual(await rows('SELECT embedding FROM many WHERE id = 123'), [{ embedding: vectors[123] }]);
	await client.query('CREATE INDEX many_index ON many USING hnsw (embedding vector_l2_ops)');

	const text = 'SELECT id FROM many ORDER BY embedding <-> $1 LIMIT 1';
	const storages = EXTENSION === 'vectorstore' ? ['mmap', 'buffer_pool'] : [null];
	for (const storage of storages) {
		if (storage) await client.query(`ALTER INDEX many_index SET (storage = ${storage})`);
		for (const i of [0, 77, 250, 499]) {
			const nearest = await search(true, text, [pgvector.toSql(vectors[i])]);
			assert.deepEqual(nearest, await search(false, text, [pgvector.toSql(vectors[i])]), `row ${i}, ${storage}`);
			assert.deepEqual(nearest, [{ id: i }]);
		}
	}
});

test('vector: aggregates come back as arrays, and arrays of JavaScript as vectors', async () => {
	const [row] = await rows('SELECT avg(embedding), sum(embedding) FROM items WHERE id <= 3');
	assert.deepEqual(row.sum, [4, 4, 6]);
	assert.deepEqual(row.avg.map((x) => x.toFixed(5)), ['1.33333', '1.33333', '2.00000']);
	assert.deepEqual(await rows('SELECT $1::real[]::vector AS v', [[1, 2, 3]]), [{ v: [1, 2, 3] }]);
	assert.deepEqual(await rows("SELECT '[1,2,3]'::vector::real[] AS v"), [{ v: [1, 2, 3] }]);
});

test('vector: errors carry their SQLSTATE', async () => {
	await client.query('BEGIN');
	const insert = 'INSERT INTO items (embedding) VALUES ($1)';
	assert.equal((await failure(insert, ['[1,2]'])).code, '22000');
	assert.equal((await failure(insert, ['[1,2'])).code, '22P02');
	assert.equal((await failure(insert, ['[1,2,NaN]'])).code, '22000');
	assert.equal((await failure("SELECT embedding <-> '[1]' FROM items")).message, 'different vector dimensions 3 and 1');
	await client.query('ROLLBACK');
});

test('halfvec: insert, read back, search, aggregate', async () => {
	await client.query('CREATE TABLE half_items (id serial PRIMARY KEY, embedding halfvec(3))');
	for (const v of [[1, 1, 1], [2, 2, 3], [1, 1, 2], [0.5, -65504, 0.0001], null]) {
		await client.query('INSERT INTO half_items (embedding) VALUES ($1)', [pgvector.toSql(v)]);
	}
	const stored = (await rows('SELECT embedding FROM half_items ORDER BY id')).map((row) => row.embedding);
	assert.deepEqual(stored.slice(0, 3), [[1, 1, 1], [2, 2, 3], [1, 1, 2]]);
	assert.deepEqual(stored[3].slice(0, 2), [0.5, -65504]);
	assert.ok(Math.abs(stored[3][2] - 0.0001) < 1e-7); // the nearest half
	assert.equal(stored[4], null);
	assert.deepEqual(await rows('SELECT id FROM half_items ORDER BY embedding <-> $1 LIMIT 2', ['[1,1,1.75]']),
		[{ id: 3 }, { id: 1 }]);
	assert.deepEqual(await rows('SELECT sum(embedding), avg(embedding) FROM half_items WHERE id <= 2'),
		[{ sum: [3, 3, 4], avg: [1.5, 1.5, 2] }]);
	assert.deepEqual(await rows("SELECT '[1,2,3]'::vector::halfvec(3) AS half, '[1,2,3]'::halfvec::vector AS single"),
		[{ half: [1, 2, 3], single: [1, 2, 3] }]);
});

test('sparsevec: insert SparseVector, read back, search', async () => {
	await client.query('CREATE TABLE sparse_items (id serial PRIMARY KEY, embedding sparsevec(5))');
	const vectors = [new SparseVector([1, 0, 2, 0, 3]), new SparseVector({ 4: 7.5 }, 5), new SparseVector([0, 1, 0, 0, 0.25])];
	for (const v of [...vectors, null]) {
		await client.query('INSERT INTO sparse_items (embedding) VALUES ($1)', [pgvector.toSql(v)]);
	}
	const stored = (await rows('SELECT embedding FROM sparse_items ORDER BY id')).map((row) => row.embedding);
	assert.deepEqual(stored.slice(0, 3).map((v) => v.toArray()), vectors.map((v) => v.toArray()));
	assert.ok(stored[0] instanceof SparseVector);
	assert.equal(stored[3], null);
	const query = pgvector.toSql(new SparseVector([0, 0, 0, 0, 7]));
	assert.deepEqual(
		await rows('SELECT id, embedding <-> $1 AS l2 FROM sparse_items ORDER BY embedding <-> $1 LIMIT 2', [query]),
		[{ id: 2, l2: 0.5 }, { id: 1, l2: Math.sqrt(1 + 4 + 16) }]);
	assert.deepEqual((await rows("SELECT '[0,1.5,0]'::vector::sparsevec AS v"))[0].v.toArray(), [0, 1.5, 0]);
	assert.deepEqual(await rows("SELECT '{1:2,3:4}/3'::sparsevec::vector AS v"), [{ v: [2, 0, 4] }]);
});

test('bit: search by Hamming and Jaccard distance, and of quantized vectors', async () => {
	await client.query('CREATE TABLE bit_items (id serial PRIMARY KEY, embedding bit(3))');
	await client.query('INSERT INTO bit_items (embedding) VALUES ($1), ($2), ($3)', ['000', '101', '111']);
	assert.deepEqual(await rows('SELECT embedding FROM bit_items ORDER BY embedding <~> $1 LIMIT 2', ['111']),
		[{ embedding: '111' }, { embedding: '101' }]);
	assert.deepEqual(await rows('SELECT embedding <%> $1 AS jaccard FROM bit_items ORDER BY id', ['110']),
		[{ jaccard: 1 }, { jaccard: 1 - 1 / 3 }, { jaccard: 1 - 2 / 3 }]);
	assert.deepEqual(await rows('SELECT binary_quantize($1::vector) AS bits', ['[0,1,-1,0.5]']), [{ bits: '0101' }]);
});

test('halfvec, sparsevec, bit: indexes of both methods, on columns and on expressions', async () => {
	await client.query(`CREATE TABLE indexed AS SELECT id, embedding, embedding::halfvec(8) AS half, embedding::sparsevec(8) AS sparse,
		binary_quantize(embedding - '[200,200,200,200,200,200,200,200]')::bit(8) AS bits FROM many`);
	await client.query('SET ivfflat.probes = 10');
	for (const [index, order, values] of [
		['hnsw (half halfvec_l2_ops)', 'half <-> $1', ['[10,20,30,40,50,60,70,80]']],
		['ivfflat (half halfvec_l2_ops) WITH (lists = 10)', 'half <-> $1', ['[10,20,30,40,50,60,70,80]']],
		['ivfflat (embedding vector_cosine_ops) WITH (lists = 10)', 'embedding <=> $1', ['[1,2,3,4,5,6,7,9]']],
		['hnsw ((embedding::halfvec(8)) halfvec_ip_ops)', 'embedding::halfvec(8) <#> $1', ['[1,2,3,4,5,6,7,9]']],
		['hnsw (sparse sparsevec_l2_ops)', 'sparse <-> $1', ['{1:10,3:30,8:80}/8']],
		['hnsw (sparse sparsevec_cosine_ops)', 'sparse <=> $1', ['{1:10,3:30,8:80}/8']],
		['hnsw (bits bit_hamming_ops)', 'bits <~> $1', ['10110011']],
		['ivfflat (bits bit_hamming_ops) WITH (lists = 10)', 'bits <~> $1', ['10110011']],
		['hnsw (bits bit_jaccard_ops)', 'bits <%> $1', ['10110011']],
	]) {
		await client.query(`CREATE INDEX indexed_index ON indexed USING ${index}`);
		const text = `SELECT ${order} AS distance FROM indexed ORDER BY ${order} LIMIT 5`;
		const rounded = (found) => found.map((row) => Number(row.distance.toPrecision(4)));
		assert.deepEqual(rounded(await search(true, text, values)), rounded(await search(false, text, values)), index);
		await client.query('DROP INDEX indexed_index');
	}
});

test('a filtered search returns its rows by an iterative scan', async () => {
	await client.query('SET hnsw.iterative_scan = strict_order');
	const text = 'SELECT id FROM many WHERE id % 50 = 7 ORDER BY embedding <-> $1 LIMIT 5';
	const query = ['[10,20,30,40,50,60,70,80]'];
	assert.deepEqual(await search(true, text, query), await search(false, text, query));
	await client.query('RESET hnsw.iterative_scan');
});

test('halfvec, sparsevec, bit: errors carry their SQLSTATE', async () => {
	await client.query('BEGIN');
	for (const [text, code] of [
		["SELECT '[65520]'::halfvec", '22003'], ["SELECT '[1,2'::halfvec", '22P02'], ["SELECT '[1,2]'::halfvec(3)", '22000'],
		["SELECT '{1:1'::sparsevec", '22P02'], ["SELECT '{0:1}/2'::sparsevec", '22000'], ["SELECT '{3:1}/2'::sparsevec", '22000'],
		["SELECT '{1:1,1:2}/2'::sparsevec", '22000'], ["SELECT '{}/3'::sparsevec(2)", '22000'],
		["SELECT '{}/3'::sparsevec <-> '{}/2'", '22000'], ["SELECT B'1' <~> B'10'", '22000'],
	]) {
		assert.equal((await failure(text)).code, code, text);
	}
	await client.query('ROLLBACK');
});

const EXTENSION = process.env.CLIENT_EXTENSION;
let failed = 0;

await client.connect();
await client.query(`CREATE EXTENSION ${EXTENSION}`);
console.log(`1..${tests.length}`);
for (const [i, { name, body }] of tests.entries()) {
	try {
		await body();
		console.log(`ok ${i + 1} - ${name}`);
	} catch (error) {
		failed++;
		console.log(`not ok ${i + 1} - ${name}`);
		console.log(String(error.stack).replace(/^/gm, '# '));
	}
}
await client.end();
process.exit(failed ? 1 : 0);
