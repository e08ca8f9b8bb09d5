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
}

StorageKind
index_storage_default(void)
{
	return (StorageKind) default_storage;
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
define_now(SharedIntSetting *setting)
{
	setting->foreign = setting_is_defined(setting->name);
	if (!setting->foreign)
		DefineCustomIntVariable(setting->name, setting->description, NULL, &setting->value,
								setting->default_value, setting->min, setting->max, PGC_USERSET, 0,
								NULL, NULL, NULL);
	setting->defined = true;
}

void
shared_setting_define_int(SharedIntSetting *setting)
{
	if (!setting->defined && !process_shared_preload_libraries_in_progress)
		define_now(setting);
}

int
shared_setting_get_int(SharedIntSetting *setting)
{
	const char *text;
	int value;

	/*
	 * While queries run in parallel no setting can be given a value, and so none be defined that
	 * has one: a worker reads the placeholder that its leader's value has become.
	 */
	if (!setting->defined && !IsInParallelMode())
		define_now(setting);
	if (setting->defined && !setting->foreign)
		return setting->value;

	/* Somebody else's idea of type and range, or nobody's; take what makes sense to us. */
	text = GetConfigOption(setting->name, true, false);
	if (text == NULL || !parse_int(text, &value, 0, NULL))
		return setting->default_value;
	return Min(Max(value, setting->min), setting->max);
}
