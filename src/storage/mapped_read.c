/*
 * storage/mapped_read.c
 *		Reading mapped pages so that SIGBUS becomes an ERROR.
 *
 * Touching a mapped page whose file was truncated, or that the disk can't give
 * back, raises SIGBUS; without a handler the process dies and the postmaster
 * restarts every session.  The handler here leaves the section by siglongjmp
 * when, and only when, a section runs and the address lies in a map of ours.
 * Anything else behaves as if this handler weren't there.
 *
 * sigsetjmp saves no signal mask, since that is a system call: the handler is
 * installed with SA_NODEFER, so SIGBUS isn't blocked after the jump.
 *
 * The handler is installed by each process when it first acquires a map, hence
 * in parallel and background workers too, and never in the postmaster.
 */
#include "postgres.h"
#include "compat.h"

#include <setjmp.h>
#include <signal.h>

#include "miscadmin.h"
#include "storage/file_map.h"

static sigjmp_buf section_exit;
static volatile sig_atomic_t section_is_running = false;
static FileMapPlace fault_place;

static struct sigaction previous_action;
static volatile sig_atomic_t previous_is_running = false;

/*
 * The signal isn't ours: do what would have happened without us.
 *
 * An installed handler that was put on top of ours and calls us, as its own previous one, while
 * we call it as ours would go round for ever; then the default action it is.
 */
static void
call_previous_handler(int signal_number, siginfo_t *info, void *context)
{
	struct sigaction default_action;

	if (!previous_is_running && (previous_action.sa_flags & SA_SIGINFO) != 0 &&
		previous_action.sa_sigaction != NULL)
	{
		previous_is_running = true;
		previous_action.sa_sigaction(signal_number, info, context);
		previous_is_running = false;
		return;
	}
	if (!previous_is_running && (previous_action.sa_flags & SA_SIGINFO) == 0 &&
		previous_action.sa_handler != SIG_DFL && previous_action.sa_handler != SIG_IGN)
	{
		previous_is_running = true;
		previous_action.sa_handler(signal_number);
		previous_is_running = false;
		return;
	}

	/* Sent by a process, and ignored before. */
	if (info->si_code <= 0 && !previous_is_running && previous_action.sa_handler == SIG_IGN)
		return;

	/*
	 * Die as by default.  A fault comes again at the same instruction when we return, so that a core
	 * dump shows it; a signal that was sent must be sent again.
	 */
	memset(&default_action, 0, sizeof(default_action));
	default_action.sa_handler = SIG_DFL;
	sigemptyset(&default_action.sa_mask);
	sigaction(signal_number, &default_action, NULL);
	if (info->si_code <= 0)
		raise(signal_number);
}

static void
handle_sigbus(int signal_number, siginfo_t *info, void *context)
{
	/* A positive si_code is a fault of this process; a sent signal has no address. */
	if (section_is_running && info->si_code > 0 &&
		file_map_find_address(info->si_addr, &fault_place))
	{
		section_is_running = false;
		siglongjmp(section_exit, 1);
	}
	call_previous_handler(signal_number, info, context);
}

void
mapped_read_install_handler(void)
{
	static int installed_in = 0;
	struct sigaction action;

	Assert(IsUnderPostmaster || !IsPostmasterEnvironment);
	if (likely(installed_in == MyProcPid))
		return;

	memset(&action, 0, sizeof(action));
	action.sa_sigaction = handle_sigbus;
	action.sa_flags = SA_SIGINFO | SA_NODEFER;
	sigemptyset(&action.sa_mask);
	if (sigaction(SIGBUS, &action, &previous_action) != 0)
		ereport(ERROR, (errcode(ERRCODE_SYSTEM_ERROR),
						errmsg("could not install a handler for SIGBUS: %m")));
	installed_in = MyProcPid;
}

void
mapped_read_call(MappedReadSection section, void *argument)
{
	Assert(!section_is_running);

	if (sigsetjmp(section_exit, 0) == 0)
	{
		section_is_running = true;
		/* The compiler must not move the section's loads out of the guarded stretch. */
		pg_compiler_barrier();
		section(argument);
		pg_compiler_barrier();
		section_is_running = false;
		return;
	}
	file_map_report_fault(&fault_place);
}

typedef struct MappedCopy
{
	void *to;
	const void *from;
	size_t bytes;
} MappedCopy;

static void
copy_mapped_bytes(void *argument)
{
	const MappedCopy *copy = argument;

	memcpy(copy->to, copy->from, copy->bytes);
}

void
mapped_read_copy(void *to, const void *from, size_t bytes)
{
	MappedCopy copy = {.to = to, .from = from, .bytes = bytes};

	mapped_read_call(copy_mapped_bytes, &copy);
}
