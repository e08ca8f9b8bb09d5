/*
 * storage/memory_available.c
 *		How much a warmup may read before it pushes out what is needed.
 *
 * The kernel's own estimate (MemAvailable counts what can be dropped from the
 * page cache), and the memory limit of this process's control group, in either
 * version of cgroups.  Where nothing can be learnt there is no limit.
 */
#include "postgres.h"
#include "compat.h"

#include "storage/warmup.h"

/* The number that follows `name` in /proc/meminfo, in bytes. */
static uint64
read_meminfo(const char *name)
{
	FILE *file = AllocateFile("/proc/meminfo", "r");
	size_t length = strlen(name);
	uint64 bytes = PG_UINT64_MAX;
	char line[256];

	if (file == NULL)
		return bytes;
	while (fgets(line, sizeof(line), file) != NULL)
	{
		if (strncmp(line, name, length) == 0 && line[length] == ':')
		{
			bytes = strtoull(line + length + 1, NULL, 10) * 1024;
			break;
		}
	}
	FreeFile(file);
	return bytes;
}

/* A file that holds one number; "max" and a missing file mean no limit. */
static uint64
read_limit_file(const char *path)
{
	FILE *file = AllocateFile(path, "r");
	uint64 bytes = PG_UINT64_MAX;
	char line[64];

	if (file == NULL)
		return bytes;
	if (fgets(line, sizeof(line), file) != NULL && line[0] >= '0' && line[0] <= '9')
		bytes = strtoull(line, NULL, 10);
	FreeFile(file);
	return bytes;
}

/*
 * The lowest limit among this process's control group and those above it.  Lines of
 * /proc/self/cgroup are "0::PATH" (version 2) and "N:CONTROLLER,...:PATH".
 */
static uint64
read_cgroup_limit(void)
{
	FILE *file = AllocateFile("/proc/self/cgroup", "r");
	uint64 limit = PG_UINT64_MAX;
	char line[MAXPGPATH];

	if (file == NULL)
		return limit;
	while (fgets(line, sizeof(line), file) != NULL)
	{
		bool is_version_2 = strncmp(line, "0::", 3) == 0;
		char *controllers = strchr(line, ':');
		char *path = controllers != NULL ? strchr(controllers + 1, ':') : NULL;

		if (path == NULL || (!is_version_2 && strncmp(controllers, ":memory:", 8) != 0))
			continue;
		path++;
		path[strcspn(path, "\n")] = '\0';
		for (;;)
		{
			char limit_path[MAXPGPATH + 64];
			char *end = strrchr(path, '/');

			snprintf(limit_path, sizeof(limit_path),
					 is_version_2 ? "/sys/fs/cgroup%s/memory.max"
								  : "/sys/fs/cgroup/memory%s/memory.limit_in_bytes",
					 path);
			limit = Min(limit, read_limit_file(limit_path));
			if (end == NULL)
				break;
			*end = '\0';
		}
	}
	FreeFile(file);
	return limit;
}

uint64
memory_available_bytes(void)
{
	uint64 available = read_meminfo("MemAvailable");

	return Min(available, read_cgroup_limit());
}
