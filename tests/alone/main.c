/* kernels-alone: the tests of the kernels as a program that needs nothing but a C library, to be
 * run under an emulator of another processor. */
#include <CUnit/CUnit.h>

#include "workers/ner/kernels.h"

void suite_kernels(void);

unsigned alone_failures;

int main(void)
{
    printf("kernels:");
    for (size_t i = 0; kernels_runnable(i); i++)
        printf(" %s", kernels_runnable(i)->name);
    printf("\n");
    suite_kernels();
    printf("%u failed\n", alone_failures);
    return alone_failures ? 1 : 0;
}
