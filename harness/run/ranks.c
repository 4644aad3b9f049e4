/* SPDX-License-Identifier: Apache-2.0 */
#include "harness/run/ranks.h"

#ifdef MERC_MPI
#include <mpi.h>

int ranks_begin(struct shard *s, struct err *err)
{
	int i, n, level;

	/* one thread calls MPI; the runs are children that never do */
	if (MPI_Init_thread(NULL, NULL, MPI_THREAD_SINGLE, &level) ||
	    MPI_Comm_rank(MPI_COMM_WORLD, &i) || MPI_Comm_size(MPI_COMM_WORLD, &n))
		return err_set(err, ERR_BACKEND, "MPI does not start (was it mpirun?)");
	*s = (struct shard){ .i = i, .n = n, .source = n > 1 ? "MPI" : "" };
	return 0;
}

int ranks_meet(bool bad, int *failed, struct err *err)
{
	int mine = bad;

	if (MPI_Allreduce(&mine, failed, 1, MPI_INT, MPI_SUM, MPI_COMM_WORLD))
		return err_set(err, ERR_BACKEND, "MPI: the ranks do not meet");
	return 0;
}

void ranks_end(void)
{
	int started, ended;

	if (!MPI_Initialized(&started) && !MPI_Finalized(&ended) && started && !ended)
		MPI_Finalize();
}
#else

int ranks_begin(struct shard *s, struct err *err)
{
	*s = (struct shard){ .n = 1, .source = "" };
	return err->code;
}

int ranks_meet(bool bad, int *failed, struct err *err)
{
	*failed = bad;
	return err->code;
}

void ranks_end(void)
{
}
#endif
