/*
 * index/sort_distance.h
 *		Distances that a plan computes for nobody are taken out of it.
 *
 * SELECT id FROM t ORDER BY embedding <-> $1 LIMIT 10 has the distance as a hidden ("junk") column
 * of its plan: PostgreSQL computes it for each row that the index returns, though the rows come in
 * order and the column is thrown away.  That is a read of the row's vector, which is mostly out of
 * line (TOAST): four or five pages of the table and its TOAST table for each row.
 */
#ifndef INDEX_SORT_DISTANCE_H
#define INDEX_SORT_DISTANCE_H

/* From _PG_init: add our step to the planner.  The setting is vectorstore.skip_sort_distance. */
extern void sort_distance_init(void);

#endif
