/* Runs each rule in a process of its own, and says in one line what became of it:
 *
 *     RULE passed
 *     RULE failed WORDS
 *     RULE n/a REASON
 *
 * WORDS and REASON have no line breaks: those in them are written as "\n", and a backslash as "\\". */
#ifndef CONFORMANCE_FORKED_H
#define CONFORMANCE_FORKED_H

#include <stdbool.h>

enum { EXIT_NOT_APPLICABLE = 77 };

/* Calls `run` in a child process, which it has to itself, waits for the end of it, and prints a line that
 * begins with `name`. False where the rule was broken. */
bool forked_run(const char *name, void (*run)(void *context), void *context);

/* One such line, of what was known without a process. */
void forked_print(const char *name, const char *outcome, const char *words);

#endif
