/*
 * peers.cpp
 *		Builds and searches indexes of in-process libraries, one thread, for test/bench.
 *
 * What a library does inside one process, without SQL, rows, transactions or a disk, is the mark that
 * a search in the server is held against.  The libraries are those of the distribution: hnswlib
 * (headers alone, compiled here with the machine's instructions) and Faiss (as it was packaged).
 *
 *	peers BASE ROWS QUERIES TRUTH.ivecs METRIC K CACHE_DIR LIMIT_S INDEX EFFORTS
 *		INDEX    hnswlib:M,EF_CONSTRUCTION or faiss:FACTORY, a string of Faiss's index_factory
 *		EFFORTS  of hnswlib "EF EF ..."; of Faiss "PROBES PROBES/K_FACTOR ..." (K_FACTOR: how many
 *		         times K candidates an index with ",RFlat" compares with raw vectors)
 *
 * An index is built once and kept in CACHE_DIR; the figures of its build are kept beside it.  Prints
 * one line of JSON: the build (its time is that of the processor), then the searches at each effort: one pass
 * over the queries without the clock, then one that is timed, one query after another.  After LIMIT_S
 * seconds a pass ends where it is, which is told as "recall_queries".
 *
 * Cosine distance is the inner product of normalized vectors in both libraries.  Files and METRIC are
 * those of bench_client.c.  Any failure ends the program with status 1 and a message.
 */
#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <ctime>
#include <fstream>
#include <memory>
#include <sstream>
#include <stdexcept>
#include <string>
#include <vector>

#include <sys/stat.h>
#include <unistd.h>

#include <omp.h>

#include <faiss/IndexIVF.h>
#include <faiss/IndexRefine.h>
#include <faiss/index_factory.h>
#include <faiss/index_io.h>
#include <hnswlib/hnswlib.h>

using Ids = std::vector<int64_t>;

/* ---- vectors ---- */

struct Vectors
{
	size_t rows = 0;
	size_t dimensions = 0;
	std::vector<float> elements;

	const float *
	row(size_t number) const
	{
		return elements.data() + number * dimensions;
	}
};

/* Reads a file of rows that begin with their number of elements; row_limit 0 reads all. */
template <typename Element>
static void
read_rows(const std::string &path, size_t row_limit, size_t *dimensions,
		  std::vector<float> *elements, std::vector<int32_t> *ids)
{
	std::ifstream file(path, std::ios::binary);
	int32_t length;
	std::vector<Element> row;

	if (!file)
		throw std::runtime_error("could not open \"" + path + "\"");
	*dimensions = 0;
	for (size_t rows = 0; row_limit == 0 || rows < row_limit; rows++)
	{
		if (!file.read(reinterpret_cast<char *>(&length), sizeof(length)))
			break;
		if (length < 1 || (*dimensions != 0 && *dimensions != (size_t) length))
			throw std::runtime_error("\"" + path + "\" has rows of different lengths");
		*dimensions = (size_t) length;
		row.resize(*dimensions);
		if (!file.read(reinterpret_cast<char *>(row.data()),
					   (std::streamsize)(row.size() * sizeof(Element))))
			throw std::runtime_error("\"" + path + "\" ends within a row");
		if (elements != nullptr)
			elements->insert(elements->end(), row.begin(), row.end());
		if (ids != nullptr)
			ids->insert(ids->end(), row.begin(), row.end());
	}
	if (*dimensions == 0)
		throw std::runtime_error("\"" + path + "\" is empty");
}

static bool
ends_with(const std::string &text, const std::string &end)
{
	return text.size() >= end.size() &&
		   text.compare(text.size() - end.size(), end.size(), end) == 0;
}

static Vectors
read_vectors(const std::string &path, size_t row_limit, bool normalized)
{
	Vectors vectors;

	if (ends_with(path, ".bvecs"))
		read_rows<uint8_t>(path, row_limit, &vectors.dimensions, &vectors.elements, nullptr);
	else
		read_rows<float>(path, row_limit, &vectors.dimensions, &vectors.elements, nullptr);
	vectors.rows = vectors.elements.size() / vectors.dimensions;
	for (size_t number = 0; normalized && number < vectors.rows; number++)
	{
		float *row = vectors.elements.data() + number * vectors.dimensions;
		double norm = 0;

		for (size_t i = 0; i < vectors.dimensions; i++)
			norm += (double) row[i] * row[i];
		norm = std::sqrt(norm);
		for (size_t i = 0; norm > 0 && i < vectors.dimensions; i++)
			row[i] = (float) (row[i] / norm);
	}
	return vectors;
}

/* ---- libraries ---- */

/* An index of a library: made from vectors or read from its file, then searched. */
class Peer
{
  public:
	virtual ~Peer() = default;
	virtual void build(const Vectors &base) = 0;
	virtual void save(const std::string &path) = 0;
	virtual void load(const std::string &path) = 0;
	virtual void set_effort(const std::string &effort) = 0;
	virtual void search(const float *query, size_t k, Ids *found) = 0;
};

class Hnswlib : public Peer
{
  public:
	Hnswlib(const std::string &parameters, size_t dimensions, bool inner_product)
	{
		if (sscanf(parameters.c_str(), "%zu,%zu", &m, &ef_construction) != 2)
			throw std::runtime_error("hnswlib needs M,EF_CONSTRUCTION");
		if (inner_product)
			space.reset(new hnswlib::InnerProductSpace(dimensions));
		else
			space.reset(new hnswlib::L2Space(dimensions));
	}

	void
	build(const Vectors &base) override
	{
		graph.reset(
			new hnswlib::HierarchicalNSW<float>(space.get(), base.rows, m, ef_construction));
		for (size_t number = 0; number < base.rows; number++)
			graph->addPoint(base.row(number), number);
	}

	void
	save(const std::string &path) override
	{
		graph->saveIndex(path);
	}

	void
	load(const std::string &path) override
	{
		graph.reset(new hnswlib::HierarchicalNSW<float>(space.get(), path));
	}

	void
	set_effort(const std::string &effort) override
	{
		graph->setEf(std::stoul(effort));
	}

	void
	search(const float *query, size_t k, Ids *found) override
	{
		auto nearest = graph->searchKnn(query, k);

		found->clear();
		for (; !nearest.empty(); nearest.pop())
			found->push_back((int64_t) nearest.top().second);
	}

  private:
	size_t m = 0;
	size_t ef_construction = 0;
	std::unique_ptr<hnswlib::SpaceInterface<float>> space;
	std::unique_ptr<hnswlib::HierarchicalNSW<float>> graph;
};

class Faiss : public Peer
{
  public:
	Faiss(const std::string &factory, size_t dimensions, bool inner_product)
		: index(
			  faiss::index_factory((int) dimensions, factory.c_str(),
								   inner_product ? faiss::METRIC_INNER_PRODUCT : faiss::METRIC_L2))
	{
	}

	void
	build(const Vectors &base) override
	{
		index->train((faiss::Index::idx_t) base.rows, base.elements.data());
		index->add((faiss::Index::idx_t) base.rows, base.elements.data());
	}

	void
	save(const std::string &path) override
	{
		faiss::write_index(index.get(), path.c_str());
	}

	void
	load(const std::string &path) override
	{
		index.reset(faiss::read_index(path.c_str()));
	}

	void
	set_effort(const std::string &effort) override
	{
		size_t slash = effort.find('/');
		faiss::IndexRefine *refine = dynamic_cast<faiss::IndexRefine *>(index.get());

		faiss::IndexIVF *lists =
			dynamic_cast<faiss::IndexIVF *>(refine != nullptr ? refine->base_index : index.get());

		if (lists == nullptr)
			throw std::runtime_error("Faiss: an index of lists (IVF) is needed");
		lists->nprobe = std::stoul(effort);
		if (slash != std::string::npos && refine == nullptr)
			throw std::runtime_error("this index compares with no raw vectors: \"" + effort + "\"");
		if (refine != nullptr)
			refine->k_factor = slash == std::string::npos ? 1 : std::stof(effort.substr(slash + 1));
	}

	void
	search(const float *query, size_t k, Ids *found) override
	{
		distances.resize(k);
		labels.resize(k);
		index->search(1, query, (faiss::Index::idx_t) k, distances.data(), labels.data());
		found->assign(labels.begin(), labels.end());
	}

  private:
	std::unique_ptr<faiss::Index> index;
	std::vector<float> distances;
	std::vector<faiss::Index::idx_t> labels;
};

static std::unique_ptr<Peer>
make_peer(const std::string &name, size_t dimensions, bool inner_product)
{
	if (name.rfind("hnswlib:", 0) == 0)
		return std::unique_ptr<Peer>(new Hnswlib(name.substr(8), dimensions, inner_product));
	if (name.rfind("faiss:", 0) == 0)
		return std::unique_ptr<Peer>(new Faiss(name.substr(6), dimensions, inner_product));
	throw std::runtime_error("unknown library: \"" + name + "\"");
}

/* ---- measuring ---- */

static double
now_s()
{
	return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch())
		.count();
}

/* Processor time of this process, which has one thread: a busy machine does not add to it. */
static double
processor_s()
{
	return (double) clock() / CLOCKS_PER_SEC;
}

/* A field of /proc/self/status in bytes, where it is given in kB: RssAnon, VmHWM. */
static double
process_memory(const char *field)
{
	std::ifstream status("/proc/self/status");
	std::string line;
	std::string start = std::string(field) + ":";

	while (std::getline(status, line))
		if (line.rfind(start, 0) == 0)
			return std::stod(line.substr(start.size())) * 1024;
	throw std::runtime_error("/proc/self/status has no " + start);
}

static double
file_size(const std::string &path)
{
	struct stat status;

	if (stat(path.c_str(), &status) != 0)
		throw std::runtime_error("could not read \"" + path + "\"");
	return (double) status.st_size;
}

/*
 * Builds the index, unless its file is there, and returns the figures of the build as JSON fields.
 * Both files appear under their names when they are whole, the index first.
 */
static std::string
provide_index(Peer &peer, const std::string &base_path, size_t rows, bool normalized,
			  const std::string &cache)
{
	std::string figures_path = cache + ".json";
	std::string figures;
	std::ifstream kept(figures_path);

	if (!std::getline(kept, figures))
	{
		Vectors base = read_vectors(base_path, rows, normalized);
		double before = process_memory("RssAnon");
		double start = processor_s();
		double build_s;
		char text[200];

		peer.build(base);
		build_s = processor_s() - start;
		snprintf(text, sizeof(text), "\"build_s\": %.2f, \"memory_bytes\": %.0f", build_s,
				 process_memory("RssAnon") - before);
		peer.save(cache + ".new");
		snprintf(text + strlen(text), sizeof(text) - strlen(text), ", \"index_bytes\": %.0f",
				 file_size(cache + ".new"));
		figures = text;
		if (rename((cache + ".new").c_str(), cache.c_str()) != 0)
			throw std::runtime_error("could not rename \"" + cache + ".new\"");
		std::ofstream(figures_path) << figures << "\n";
	}
	peer.load(cache);
	return figures;
}

static size_t
count_hits(const Ids &found, const int32_t *truth, size_t k)
{
	size_t hits = 0;

	for (int64_t id : found)
		hits += (size_t) std::count(truth, truth + k, (int32_t) id);
	return hits;
}

static std::string
measure(Peer &peer, const Vectors &queries, const std::vector<int32_t> &truth, size_t truth_length,
		size_t k, double limit_s, const std::string &effort)
{
	std::vector<double> latencies_us;
	double total_us = 0;
	size_t hits = 0;
	size_t searched = 0;
	Ids found;
	char text[300];

	peer.set_effort(effort);
	for (bool timed : {false, true})
	{
		double pass_start = now_s();

		for (size_t q = 0; q < queries.rows; q++)
		{
			double start = now_s();

			if (start - pass_start > limit_s)
				break;
			peer.search(queries.row(q), k, &found);
			if (timed)
			{
				latencies_us.push_back((now_s() - start) * 1e6);
				total_us += latencies_us.back();
			}
			else
			{
				hits += count_hits(found, truth.data() + q * truth_length, k);
				searched++;
			}
		}
	}
	std::sort(latencies_us.begin(), latencies_us.end());
	snprintf(text, sizeof(text),
			 "{\"effort\": \"%s\", \"recall\": %.5f, \"qps\": %.2f, \"avg_us\": %.2f, "
			 "\"p50_us\": %.2f, \"p99_us\": %.2f, \"recall_queries\": %zu}",
			 effort.c_str(), (double) hits / (double) (searched * k),
			 (double) latencies_us.size() / total_us * 1e6, total_us / (double) latencies_us.size(),
			 latencies_us[latencies_us.size() / 2], latencies_us[latencies_us.size() * 99 / 100],
			 searched);
	return text;
}

static void
run(char **arguments)
{
	std::string base_path = arguments[0];
	size_t rows = std::stoul(arguments[1]);
	std::string metric = arguments[4];
	size_t k = std::stoul(arguments[5]);
	double limit_s = std::stod(arguments[7]);
	std::string name = arguments[8];
	std::istringstream efforts(arguments[9]);
	Vectors queries = read_vectors(arguments[2], 0, metric == "cos");
	std::vector<int32_t> truth;
	size_t truth_length;
	std::unique_ptr<Peer> peer;
	std::string file_name = name;
	std::string figures;
	std::string effort;
	const char *separator = "";

	if (metric != "l2" && metric != "ip" && metric != "cos")
		throw std::runtime_error("unknown metric \"" + metric + "\"");
	if (!(limit_s > 0))
		throw std::runtime_error("LIMIT_S must be positive");
	read_rows<int32_t>(arguments[3], 0, &truth_length, nullptr, &truth);
	if (truth_length < k || truth.size() / truth_length < queries.rows)
		throw std::runtime_error(std::string("\"") + arguments[3] + "\" holds too few neighbors");

	omp_set_num_threads(1);
	peer = make_peer(name, queries.dimensions, metric != "l2");
	std::replace_if(
		file_name.begin(), file_name.end(), [](char c) { return strchr(":,/", c) != nullptr; },
		'_');
	figures = provide_index(*peer, base_path, rows, metric == "cos",
							std::string(arguments[6]) + "/" + file_name);
	printf("{%s, \"searches\": [", figures.c_str());
	for (; efforts >> effort; separator = ", ")
		printf("%s%s", separator,
			   measure(*peer, queries, truth, truth_length, k, limit_s, effort).c_str());
	printf("]}\n");
}

int
main(int count, char **arguments)
{
	try
	{
		if (count != 11)
			throw std::runtime_error(
				"usage: peers BASE ROWS QUERIES TRUTH METRIC K CACHE_DIR LIMIT_S "
				"INDEX EFFORTS");
		run(arguments + 1);
	}
	catch (const std::exception &error)
	{
		fprintf(stderr, "peers: %s\n", error.what());
		return 1;
	}
	return 0;
}
