/* POSIX AIO, completion learned by asking again and again (the article's Listing 2): aio_error until it is not
 * EINPROGRESS. Spins. */
#include "aio_common.h"

static int poll_reap(void *state, struct completion *completions, uint32_t min, uint32_t max,
                     int64_t timeout_ns)
{
    (void)min, (void)timeout_ns;
    return (int)aio_collect(state, completions, max);
}

const struct aio_way aio_way_poll = {
    .caps = {.files = true, .streams = true, .spins = true, .moves_data = true, .cancels = true},
    .open = aio_quiet_open,
    .submit = aio_submit_each,
    .reap = poll_reap,
    .cancel = aio_cancel_request,
    .cancel_descriptor = aio_cancel_descriptor,
    .close = aio_quiet_close,
};
