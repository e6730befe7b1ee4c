# A guest that takes over a prepared memory: every processor enters long mode under the page tables in it, takes the
# state that a table holds for it, and stops there; the first one has started the others and writes pvpanic's port.
#
# All of it lies in one page at 0x8000, mapped where it is. Processor 0 comes from the reset vector, the others by a
# startup interrupt with vector 8, all of them with CS = 0x800.

    .code16
    .globl _start
_start:
    cli
    lgdtl %cs:(gdt_pointer - _start)
    movl %cs:(root - _start), %eax
    movl %eax, %cr3
    movl $0x620, %eax                   # PAE, OSFXSR, OSXMMEXCPT
    movl %eax, %cr4
    movl $0xC0000080, %ecx              # EFER: LME, NXE
    movl $0x900, %eax
    xorl %edx, %edx
    wrmsr
    movl $0x80050033, %eax
    movl %eax, %cr0
    ljmpl $0x10, $long_mode

    .code64
long_mode:
    movl $0x18, %eax
    movl %eax, %ds
    movl %eax, %es
    movl %eax, %ss
    movl $1, %eax
    cpuid
    shrl $24, %ebx
    imull $0x100, %ebx, %ebx            # bytes of a state
    leaq states(%rip), %rsi
    addq %rbx, %rsi
    movl $0xC0000101, %ecx              # GS base
    movl 0x80(%rsi), %eax
    movl 0x84(%rsi), %edx
    wrmsr
    lidtq 0x90(%rsi)                    # 10 bytes: limit, base
    testl %ebx, %ebx
    jnz ready
    movl $0, started(%rip)              # after a reset memory is as it was
    movl $0xFEE00300, %edi              # the local APIC's command register
    movl $0xC4500, (%rdi)               # INIT, then start at vector 8: all others
    movl $0xC4608, (%rdi)
others:
    pause
    movl started(%rip), %eax
    cmpl expected(%rip), %eax
    jne others
    jmp load
ready:
    lock incl started(%rip)
load:
    movq 0x00(%rsi), %rax
    movq 0x08(%rsi), %rcx
    movq 0x10(%rsi), %rdx
    movq 0x18(%rsi), %rbx
    movq 0x20(%rsi), %rsp
    movq 0x28(%rsi), %rbp
    movq 0x38(%rsi), %rdi
    movq 0x40(%rsi), %r8
    movq 0x48(%rsi), %r9
    movq 0x50(%rsi), %r10
    movq 0x58(%rsi), %r11
    movq 0x60(%rsi), %r12
    movq 0x68(%rsi), %r13
    movq 0x70(%rsi), %r14
    movq 0x78(%rsi), %r15
    jmpq *0x88(%rsi)

    .balign 16
gdt:
    .quad 0
    .quad 0
    .quad 0x00209B0000000000            # 0x10: 64-bit code, as Windows has it
    .quad 0x0000930000000000            # 0x18: data
gdt_pointer:
    .word . - gdt - 1
    .long gdt
    .balign 16                          # the last 16 bytes; states of the processors follow
root:
    .long 0
expected:
    .long 0
started:
    .long 0, 0
states:
