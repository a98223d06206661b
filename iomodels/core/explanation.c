/* Sentences with numbers of this machine, for engines that explain what they lack. */
#include <stdarg.h>
#include <stdio.h>

#include "engine.h"

void explanation_write(struct explanation *explanation, const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    vsnprintf(explanation->own, sizeof explanation->own, format, arguments);
    va_end(arguments);
}

long explanation_number(const char *path)
{
    FILE *file = fopen(path, "re");
    long number;

    if (!file)
        return -1;
    if (fscanf(file, "%ld", &number) != 1)
        number = -1;
    fclose(file);
    return number;
}
