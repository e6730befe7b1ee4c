/* Gives each name on standard input to Microsoft's own undecorator, __unDName, which Visual C++'s run-time library
   exports: undname.exe LIBRARY FLAGS. One answer a line; an empty one where it has none. */
#include <windows.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef char *(__cdecl *UnDName)(char *, const char *, int, void *(__cdecl *)(size_t), void(__cdecl *)(void *),
                                 unsigned short);

static char name[1 << 16], answer[1 << 16];

int main(int count, char **arguments)
{
    HMODULE library = count == 3 ? LoadLibraryA(arguments[1]) : NULL;
    UnDName undname = library ? (UnDName)(void *)GetProcAddress(library, "__unDName") : NULL;
    if (!undname)
        return 1;
    while (fgets(name, sizeof name, stdin)) {
        name[strcspn(name, "\r\n")] = 0;
        char *found = undname(answer, name, sizeof answer, malloc, free, (unsigned short)strtoul(arguments[2], 0, 0));
        puts(found ? found : "");
    }
    return 0;
}
