/* Opens one dump with Microsoft's debugger engine and gives it commands, one per line of standard input.
 *
 * Usage: host.exe DUMP <COMMANDS
 * Everything that the engine says goes to standard output, and before each command's answer a line ">>> COMMAND".
 * A call that fails is told as "NAME failed: HRESULT".
 * The exit code is 0 once the dump was opened and all commands were given, 1 otherwise.
 */
#define INITGUID

#include <windows.h>
#include <dbgeng.h>
#include <stdio.h>
#include <string.h>

/* What the engine prints */

static HRESULT WINAPI query(IDebugOutputCallbacks *self, REFIID id, void **object) {
    BOOL ours = IsEqualGUID(id, &IID_IUnknown) || IsEqualGUID(id, &IID_IDebugOutputCallbacks);
    *object = ours ? self : NULL;
    return ours ? S_OK : E_NOINTERFACE;
}

static ULONG WINAPI references(IDebugOutputCallbacks *self) {
    return 1; /* never freed: the object is static */
}

static HRESULT WINAPI print(IDebugOutputCallbacks *self, ULONG mask, PCSTR text) {
    fputs(text, stdout);
    return S_OK;
}

static IDebugOutputCallbacksVtbl printer_methods = {query, references, references, print};
static IDebugOutputCallbacks printer = {&printer_methods};

static BOOL succeeded(const char *name, HRESULT result) {
    if (FAILED(result))
        printf("%s failed: %08lx\n", name, result);
    fflush(stdout);
    return SUCCEEDED(result);
}

/* Wine refuses to make a view of a read-only file copy-on-write, as the engine wants it: the view is exchanged for
 * private memory with the same bytes. */

static BOOL(WINAPI *protect)(LPVOID, SIZE_T, DWORD, PDWORD);

static BOOL WINAPI protect_or_exchange(LPVOID view, SIZE_T size, DWORD access, PDWORD before) {
    if (protect(view, size, access, before))
        return TRUE;
    if (access != PAGE_WRITECOPY)
        return FALSE;
    void *copy = VirtualAlloc(NULL, size, MEM_RESERVE | MEM_COMMIT, PAGE_READWRITE);
    if (!copy)
        return FALSE;
    memcpy(copy, view, size);
    if (!UnmapViewOfFile(view) || VirtualAlloc(view, size, MEM_RESERVE | MEM_COMMIT, PAGE_READWRITE) != view)
        return FALSE;
    memcpy(view, copy, size);
    VirtualFree(copy, 0, MEM_RELEASE);
    if (before)
        *before = PAGE_READONLY;
    return TRUE;
}

static void redirect(HMODULE module) {
    BYTE *base = (BYTE *)module;
    IMAGE_NT_HEADERS *headers = (IMAGE_NT_HEADERS *)(base + ((IMAGE_DOS_HEADER *)base)->e_lfanew);
    IMAGE_DATA_DIRECTORY imports = headers->OptionalHeader.DataDirectory[IMAGE_DIRECTORY_ENTRY_IAT];
    void **slot = (void **)(base + imports.VirtualAddress), **end = slot + imports.Size / sizeof(void *);
    void *kernelbase = (void *)GetProcAddress(GetModuleHandleA("kernelbase.dll"), "VirtualProtect");
    void *kernel32 = (void *)GetProcAddress(GetModuleHandleA("kernel32.dll"), "VirtualProtect");
    for (; slot < end; slot++) {
        if (*slot != kernelbase && *slot != kernel32)
            continue;
        DWORD access;
        protect = *slot;
        VirtualProtect(slot, sizeof(void *), PAGE_READWRITE, &access);
        *slot = (void *)protect_or_exchange;
        VirtualProtect(slot, sizeof(void *), access, &access);
    }
}

/* The engine */

typedef HRESULT(WINAPI *Creator)(REFIID, void **);

static IDebugClient *create(void) {
    IDebugClient *client = NULL;
    HMODULE engine = LoadLibraryA("dbgeng.dll");
    if (!engine) {
        printf("dbgeng.dll cannot be loaded: error %lu\n", GetLastError());
        return NULL;
    }
    redirect(engine);
    redirect(GetModuleHandleA("dbghelp.dll"));
    Creator creator = (Creator)GetProcAddress(engine, "DebugCreate");
    return succeeded("DebugCreate", creator(&IID_IDebugClient, (void **)&client)) ? client : NULL;
}

static void obey(IDebugControl *control) {
    static char command[4096];
    while (fgets(command, sizeof command, stdin)) {
        command[strcspn(command, "\r\n")] = 0;
        printf("\n>>> %s\n", command);
        HRESULT result = control->lpVtbl->Execute(control, DEBUG_OUTCTL_THIS_CLIENT, command, DEBUG_EXECUTE_DEFAULT);
        succeeded("command", result);
    }
}

int main(int count, char **arguments) {
    IDebugControl *control = NULL;
    IDebugClient *client = count == 2 ? create() : NULL;
    if (!client)
        return 1;
    if (!succeeded("IDebugControl", client->lpVtbl->QueryInterface(client, &IID_IDebugControl, (void **)&control)))
        return 1;
    client->lpVtbl->SetOutputCallbacks(client, &printer);
    if (!succeeded("OpenDumpFile", client->lpVtbl->OpenDumpFile(client, arguments[1])))
        return 1;
    if (!succeeded("WaitForEvent", control->lpVtbl->WaitForEvent(control, DEBUG_WAIT_DEFAULT, 60000)))
        return 1;
    obey(control);
    return 0;
}
