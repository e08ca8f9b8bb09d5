/*
 * index/index_validate.c
 *		Is an operator class fit for one of our access methods?  (amvalidate)
 *
 * An operator family of ours has for each type one distance operator, for ordering, whose result
 * sorts as float8 does; support function 1, the distance that the index is built with; and maybe
 * support function 2, the norm by which vectors are divided before they are stored.  There is
 * nothing across types.
 */
#include "postgres.h"
#include "compat.h"

#include "access/amvalidate.h"
#include "access/htup_details.h"
#include "catalog/pg_amop.h"
#include "catalog/pg_amproc.h"
#include "catalog/pg_opclass.h"
#include "catalog/pg_opfamily.h"
#include "catalog/pg_type.h"
#include "commands/defrem.h"
#include "index/index_handler.h"
#include "index/index_type.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/regproc.h"
#include "utils/syscache.h"

#define NUMBER_BIT(number) (UINT64CONST(1) << (number))

typedef struct Validation
{
	char *class_name;
	char *family_name;
	char *method_name;
	Oid family;
	Oid type; /* the operator class's input type */
	CatCList *operators;
	CatCList *functions;
	bool valid;
} Validation;

/* A fault of the family: "operator family ... contains ..." */
static void
report_member(Validation *validation, const char *fault, const char *member, int number)
{
	ereport(INFO,
			(errcode(ERRCODE_INVALID_OBJECT_DEFINITION),
			 errmsg("operator family \"%s\" of access method %s contains %s: %s, number %d",
					validation->family_name, validation->method_name, fault, member, number)));
	validation->valid = false;
}

static void
report_missing(Validation *validation, const char *what, Oid type)
{
	ereport(INFO,
			(errcode(ERRCODE_INVALID_OBJECT_DEFINITION),
			 errmsg("operator family \"%s\" of access method %s is missing %s for type %s",
					validation->family_name, validation->method_name, what, format_type_be(type))));
	validation->valid = false;
}

static void
check_function(Validation *validation, Form_pg_amproc entry)
{
	bool signature_right = false;

	if (entry->amproclefttype != entry->amprocrighttype)
		report_member(validation, "a support function across types",
					  format_procedure(entry->amproc), entry->amprocnum);

	switch (entry->amprocnum)
	{
		case INDEX_DISTANCE_PROC:
			signature_right = check_amproc_signature(entry->amproc, FLOAT8OID, true, 2, 2,
													 entry->amproclefttype, entry->amproclefttype);
			break;
		case INDEX_NORM_PROC:
			signature_right =
				check_amproc_signature(entry->amproc, FLOAT8OID, true, 1, 1, entry->amproclefttype);
			break;
		default:
			report_member(validation, "a support function with an invalid number",
						  format_procedure(entry->amproc), entry->amprocnum);
			return;
	}
	if (!signature_right)
		report_member(validation, "a support function with the wrong signature",
					  format_procedure(entry->amproc), entry->amprocnum);
}

static void
check_operator(Validation *validation, Form_pg_amop entry)
{
	char *name = format_operator(entry->amopopr);

	if (entry->amopstrategy != INDEX_DISTANCE_STRATEGY)
		report_member(validation, "an operator with an invalid strategy number", name,
					  entry->amopstrategy);

	if (entry->amoppurpose != AMOP_ORDER)
		report_member(validation, "an operator that is not for ordering", name,
					  entry->amopstrategy);
	else if (!opfamily_can_sort_type(entry->amopsortfamily, get_op_rettype(entry->amopopr)))
		report_member(validation, "an operator with the wrong sort family", name,
					  entry->amopstrategy);

	if (!check_amop_signature(entry->amopopr, FLOAT8OID, entry->amoplefttype, entry->amoprighttype))
		report_member(validation, "an operator with the wrong signature", name,
					  entry->amopstrategy);
}

/* What must be there for each type of the family, and so for the operator class's own. */
static void
check_completeness(Validation *validation)
{
	List *groups = identify_opfamily_groups(validation->operators, validation->functions);
	bool type_found = false;
	ListCell *cell;

	foreach (cell, groups)
	{
		OpFamilyOpFuncGroup *group = lfirst(cell);

		if (group->lefttype == validation->type && group->righttype == validation->type)
			type_found = true;
		if (group->lefttype != group->righttype)
			continue; /* functions among them were complained of; operators alone are loose */
		if ((group->operatorset & NUMBER_BIT(INDEX_DISTANCE_STRATEGY)) == 0)
			report_missing(validation, "the distance operator", group->lefttype);
		if ((group->functionset & NUMBER_BIT(INDEX_DISTANCE_PROC)) == 0)
			report_missing(validation, "the distance function", group->lefttype);
	}

	if (!type_found)
	{
		ereport(INFO,
				(errcode(ERRCODE_INVALID_OBJECT_DEFINITION),
				 errmsg("operator class \"%s\" of access method %s has no members for type %s",
						validation->class_name, validation->method_name,
						format_type_be(validation->type))));
		validation->valid = false;
	}
}

static char *
copy_family_name(Oid family)
{
	HeapTuple tuple = SearchSysCache1(OPFAMILYOID, ObjectIdGetDatum(family));
	char *name;

	if (!HeapTupleIsValid(tuple))
		ereport(ERROR, (errcode(ERRCODE_UNDEFINED_OBJECT),
						errmsg("operator family with OID %u does not exist", family)));
	name = pstrdup(NameStr(((Form_pg_opfamily) GETSTRUCT(tuple))->opfname));
	ReleaseSysCache(tuple);
	return name;
}

bool
index_validate(Oid operator_class)
{
	HeapTuple class_tuple = SearchSysCache1(CLAOID, ObjectIdGetDatum(operator_class));
	Form_pg_opclass class_form;
	Validation validation = {.valid = true};

	if (!HeapTupleIsValid(class_tuple))
		ereport(ERROR, (errcode(ERRCODE_UNDEFINED_OBJECT),
						errmsg("operator class with OID %u does not exist", operator_class)));
	class_form = (Form_pg_opclass) GETSTRUCT(class_tuple);
	validation.class_name = pstrdup(NameStr(class_form->opcname));
	validation.family = class_form->opcfamily;
	validation.family_name = copy_family_name(validation.family);
	validation.type = class_form->opcintype;
	validation.method_name = get_am_name(class_form->opcmethod);
	ReleaseSysCache(class_tuple);

	validation.operators = SearchSysCacheList1(AMOPSTRATEGY, ObjectIdGetDatum(validation.family));
	validation.functions = SearchSysCacheList1(AMPROCNUM, ObjectIdGetDatum(validation.family));

	for (int i = 0; i < validation.functions->n_members; i++)
		check_function(&validation,
					   (Form_pg_amproc) GETSTRUCT(&validation.functions->members[i]->tuple));
	for (int i = 0; i < validation.operators->n_members; i++)
		check_operator(&validation,
					   (Form_pg_amop) GETSTRUCT(&validation.operators->members[i]->tuple));
	check_completeness(&validation);

	ReleaseCatCacheList(validation.functions);
	ReleaseCatCacheList(validation.operators);
	return validation.valid;
}
