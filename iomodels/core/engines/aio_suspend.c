/* POSIX AIO, completion learned with aio_suspend (the article's Listing 3): reap sleeps until any of those in
 * flight has ended. It always gets the whole list, although that is walked under a lock: with a part of
 * it, an end elsewhere would go unnoticed. */
#include "aio_common.h"

const struct aio_way aio_way_suspend = {
    .caps = {.files = true, .streams = true, .waits = true, .moves_data = true, .cancels = true},
    .open = aio_quiet_open,
    .submit = aio_submit_each,
    .reap = aio_reap_suspended,
    .cancel = aio_cancel_request,
    .cancel_descriptor = aio_cancel_descriptor,
    .close = aio_quiet_close,
};
