/*
 * index/index_build.h
 *		The end of an index build, the same for all methods.
 */
#ifndef INDEX_INDEX_BUILD_H
#define INDEX_INDEX_BUILD_H

#include "access/genam.h"

/*
 * The file is finished: forget what the relation cache knew of an older one, ask for warmup after
 * commit, and make the result of ambuild, in the current context.
 */
extern IndexBuildResult *index_build_finish(Relation index, double heap_rows, double indexed_rows);

#endif
