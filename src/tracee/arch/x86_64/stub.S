# The batch loop: the only code that Cairn ever puts into a task. It is position independent and touches no stack.
#
# %r15 = slot of this task. A slot is a header (struct SlotHeader), then entries of 64 bytes (struct SlotEntry), data at
# its tail; batch_layout.h has both. An entry is a system call, or (number ~0) a move that forwards a result into an
# argument of a later call.
#
# A batch ends with tkill(self, S), where S is a signal without any effect in this task: a stop when there is a tracer,
# nothing when the tracer has died. What follows brings the task back by itself: another batch if the tracer had
# ordered one, else rt_sigreturn on the frame that was prepared beside the slot. For a task without such an S the signal
# is 0 (tkill then only looks), and the tracer recognises the end by stepping from call to call.

        .section .rodata
        .global cairn_stub_begin, cairn_stub_start, cairn_stub_stepped_end, cairn_stub_signalled_end, cairn_stub_end
        .balign 16
cairn_stub_begin:
cairn_stub_start:
        mov     $14, %eax                       # rt_sigprocmask(SIG_SETMASK, &header.mask, NULL, 8): the tracer has
        mov     $2, %edi                        # set this mask, unless it died just before
        lea     32(%r15), %rsi
        xor     %edx, %edx
        mov     $8, %r10d
        syscall
        mov     (%r15), %r12d
        lea     64(%r15), %rbx
        test    %r12d, %r12d
        jz      .Lend
.Lnext:
        mov     (%rbx), %eax
        cmp     $-1, %eax
        je      .Lmove
        mov     8(%rbx), %rdi
        mov     16(%rbx), %rsi
        mov     24(%rbx), %rdx
        mov     32(%rbx), %r10
        mov     40(%rbx), %r8
        mov     48(%rbx), %r9
        syscall
        test    %rax, %rax
        jz      .Lzero
.Lresult:
        mov     %rax, 56(%rbx)
        cmp     $-4095, %rax
        jb      .Ladvance
        testb   $1, 4(%rbx)                     # may fail
        jz      .Lend
.Ladvance:
        add     $64, %rbx
        dec     %r12d
        jnz     .Lnext
.Lend:
        mov     %r12d, 4(%r15)                  # how many were left, the failing one included
        mov     $186, %eax                      # gettid, as the task's own pid namespace counts
        syscall
cairn_stub_stepped_end:
        mov     %eax, %edi
        mov     16(%r15), %esi
        mov     $200, %eax                      # tkill
        syscall
cairn_stub_signalled_end:
        xor     %eax, %eax
        xchg    %eax, 8(%r15)                   # was another batch ordered?
        test    %eax, %eax
        jnz     cairn_stub_start
        mov     24(%r15), %rsp
        mov     $15, %eax                       # rt_sigreturn
        syscall
        ud2
.Lzero:
        testb   $2, 4(%rbx)                     # forks away: this is the copy
        jz      .Lresult
        mov     $112, %eax                      # setsid
        syscall
        mov     $436, %eax                      # close_range(0, ~0, CLOSE_RANGE_UNSHARE)
        xor     %edi, %edi
        mov     $-1, %esi
        mov     $2, %edx
        syscall
        test    %eax, %eax
        jnz     .Lcopy_ends                     # it must not keep descriptors open
        mov     $56, %eax                       # clone, without a signal for the end
        xor     %edi, %edi
        xor     %esi, %esi
        xor     %edx, %edx
        xor     %r10d, %r10d
        xor     %r8d, %r8d
        syscall
.Lcopy_ends:
        mov     $231, %eax                      # exit_group(0)
        xor     %edi, %edi
        syscall
        ud2
.Lmove:
        mov     8(%rbx), %rax                   # offsets in the slot: from, to
        mov     (%r15,%rax), %rax
        mov     16(%rbx), %rcx
        mov     %rax, (%r15,%rcx)
        jmp     .Ladvance
cairn_stub_end:

        .section .note.GNU-stack, "", @progbits
