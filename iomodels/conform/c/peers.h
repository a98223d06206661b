/* What rules do to a peer, from outside, with the number that the record gives. */
#ifndef CONFORMANCE_PEERS_H
#define CONFORMANCE_PEERS_H

#include "record.h"

/* Stops it as Ctrl-Z would, and waits until it is; and lets it go on. */
void peer_stop(const struct record *record);
void peer_continue(const struct record *record);

#endif
