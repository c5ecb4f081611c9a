/*
 * The viewer's page inside the program: viewer/bundle.sh makes one file of it, and the assembler
 * takes that file from the build folder as it is.
 */
#include "output/html.h"

__asm__(".pushsection .rodata\n"
        ".global page_html, page_html_end\n"
        "page_html:\n"
        ".incbin \"viewer/page.html\"\n"
        "page_html_end:\n"
        ".byte 0\n"
        ".popsection\n");
