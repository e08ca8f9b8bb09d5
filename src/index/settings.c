/*
 * index/settings.c
 *		Settings (GUCs): ours under "vectorstore.", and pgvector's names without a quarrel.
 *
 * See index/options.h for what happens when pgvector is loaded into the same backend.
 */
#include "postgres.h"
#include "compat.h"

#include "access/xact.h"
#include "index/options.h"
#include "miscadmin.h"
#include "utils/guc.h"

static int default_storage = STORAGE_BUFFER_POOL;
static int kmeans_seed = 0;

static const struct config_enum_entry storage_values[] = {
	{"buffer_pool", STORAGE_BUFFER_POOL, false},
	{"mmap", STORAGE_MMAP, false},
	{NULL, 0, false},
};

void
index_settings_define(void)
{
	DefineCustomEnumVariable(
		"vectorstore.default_storage", "Storage of indexes that do not give the option.",
		"Affects how such indexes are read, not what is on disk.", &default_storage,
		STORAGE_BUFFER_POOL, storage_values, PGC_USERSET, 0, NULL, NULL, NULL);
	DefineCustomIntVariable("vectorstore.kmeans_seed",
							"Seed of the random choices that the training of lists makes.",
							"The same seed on the same table gives the same lists.", &kmeans_seed,
							0, 0, INT_MAX, PGC_USERSET, 0, NULL, NULL, NULL);
}

StorageKind
index_storage_default(void)
{
	return (StorageKind) default_storage;
}

int
index_kmeans_seed(void)
{
	return kmeans_seed;
}

/*
 * Whether a library has defined this name in this backend.  A placeholder stands for a name that
 * was given a value before anybody defined it; its definition replaces it.
 */
static bool
setting_is_defined(const char *name)
{
	return GetConfigOption(name, true, false) != NULL &&
		   (GetConfigOptionFlags(name, true) & GUC_CUSTOM_PLACEHOLDER) == 0;
}

static void
define_variable(SharedSetting *setting)
{
	switch (setting->kind)
	{
		case SHARED_SETTING_INT:
			DefineCustomIntVariable(setting->name, setting->description, NULL, &setting->int_value,
									(int) setting->default_value, (int) setting->min,
									(int) setting->max, PGC_USERSET, 0, NULL, NULL, NULL);
			break;
		case SHARED_SETTING_REAL:
			DefineCustomRealVariable(setting->name, setting->description, NULL,
									 &setting->real_value, setting->default_value, setting->min,
									 setting->max, PGC_USERSET, 0, NULL, NULL, NULL);
			break;
		case SHARED_SETTING_ENUM:
			DefineCustomEnumVariable(setting->name, setting->description, NULL, &setting->int_value,
									 (int) setting->default_value, setting->names, PGC_USERSET, 0,
									 NULL, NULL, NULL);
			break;
	}
}

static void
define_now(SharedSetting *setting)
{
	setting->foreign = setting_is_defined(setting->name);
	if (!setting->foreign)
		define_variable(setting);
	setting->defined = true;
}

void
shared_setting_define(SharedSetting *setting)
{
	if (!setting->defined && !process_shared_preload_libraries_in_progress)
		define_now(setting);
}

/* The number that a name of an enum stands for; false for a name that we don't know. */
static bool
parse_name(const SharedSetting *setting, const char *text, double *value)
{
	for (const struct config_enum_entry *entry = setting->names; entry->name != NULL; entry++)
	{
		if (pg_strcasecmp(entry->name, text) == 0)
		{
			*value = entry->val;
			return true;
		}
	}
	return false;
}

/* The value of a variable that is not ours: somebody else's idea of type and range, or nobody's;
 * take what makes sense to us. */
static double
read_foreign(const SharedSetting *setting)
{
	const char *text = GetConfigOption(setting->name, true, false);
	double value;

	if (text == NULL)
		return setting->default_value;
	if (setting->kind == SHARED_SETTING_ENUM)
		return parse_name(setting, text, &value) ? value : setting->default_value;
	if (!parse_real(text, &value, 0, NULL))
		return setting->default_value;
	return Min(Max(value, setting->min), setting->max);
}

/* Whether the variable is ours, after an attempt to make it so. */
static bool
is_own(SharedSetting *setting)
{
	/*
	 * While queries run in parallel no setting can be given a value, and so none be defined that
	 * has one: a worker reads the placeholder that its leader's value has become.
	 */
	if (!setting->defined && !IsInParallelMode())
		define_now(setting);
	return setting->defined && !setting->foreign;
}

int
shared_setting_get_int(SharedSetting *setting)
{
	Assert(setting->kind != SHARED_SETTING_REAL);
	return is_own(setting) ? setting->int_value : (int) read_foreign(setting);
}

double
shared_setting_get_real(SharedSetting *setting)
{
	Assert(setting->kind == SHARED_SETTING_REAL);
	return is_own(setting) ? setting->real_value : read_foreign(setting);
}
