// Functions whose frames differ in every way that compilers and calling conventions know. Compiled for x86, x64 and
// ARM64 without any library or header (see tests/truth/images/build.py), and executed to learn who really called whom.

#define NOINLINE __attribute__((noinline))
#define EXPORT extern "C" __declspec(dllexport) NOINLINE

typedef __SIZE_TYPE__ size_t;
typedef __UINTPTR_TYPE__ word;
typedef unsigned long long wide;

extern "C" int _fltused = 0;
static volatile word sink;

// What the compiler expects of a C library.

extern "C" void *memset(void *to, int value, size_t count) {
  volatile unsigned char *at = static_cast<unsigned char *>(to);
  for (size_t index = 0; index < count; index++) at[index] = static_cast<unsigned char>(value);
  return to;
}

extern "C" void *memcpy(void *to, const void *from, size_t count) {
  volatile unsigned char *at = static_cast<unsigned char *>(to);
  const unsigned char *source = static_cast<const unsigned char *>(from);
  for (size_t index = 0; index < count; index++) at[index] = source[index];
  return to;
}

// Big frames touch their pages first. On x86 this function comes back with another stack pointer, so what calls it
// while it runs is not recorded: it lies in a section of its own.
#define APART __attribute__((naked, section(".apart")))
#if defined(__i386__)
extern "C" APART void _chkstk() {
  __asm__("pushl %ecx\n leal 4(%esp), %ecx\n subl %eax, %ecx\n movl %esp, %eax\n movl %ecx, %esp\n"
          "movl (%eax), %ecx\n movl 4(%eax), %eax\n movl %eax, (%esp)\n retl");
}
#elif defined(__x86_64__)
extern "C" APART void __chkstk() { __asm__("retq"); }
#else
extern "C" APART void __chkstk() { __asm__("ret"); }
#endif

// Leaves, and what keeps registers busy.

NOINLINE static word mix(word left, word right) {
  sink += left;
  return (left ^ right * 31) + (left >> 3);
}

NOINLINE static word busy(word one, word two, word three, word four) {
  word five = mix(one, two), six = mix(two, three), seven = mix(three, four);
  word eight = mix(four, five);
  return mix(five, six) + mix(seven, eight) + one + two + three + four;
}

NOINLINE static word conditional(word value) {
  if (value & 1) return value;  // shrink-wrapped: the frame is made behind this
  word first = mix(value, 1), second = mix(value, 2), third = mix(first, second);
  return busy(first, second, third, value);
}

// Recursion.

EXPORT word fibonacci(word value) {
  value &= 7;
  return value < 2 ? mix(value, 1) : fibonacci(value - 1) + fibonacci(value - 2);
}

NOINLINE static word even(word value);
NOINLINE static word odd(word value) { return value ? mix(even(value - 1), value) : 0; }
NOINLINE static word even(word value) { return value ? mix(odd(value - 1), value) + 1 : 1; }
EXPORT word mutual(word value) { return even(value & 15) + odd(value & 7); }

NOINLINE static void sort(word *values, int low, int high) {
  if (low >= high) return;
  word pivot = values[(low + high) / 2];
  int left = low, right = high;
  while (left <= right) {
    while (values[left] < pivot) left++;
    while (values[right] > pivot) right--;
    if (left > right) break;
    word kept = values[left];
    values[left++] = values[right];
    values[right--] = kept;
  }
  sort(values, low, right);
  sort(values, left, high);
}

EXPORT word sorted(word seed) {
  word values[24];
  for (int index = 0; index < 24; index++) values[index] = seed = mix(seed, index) % 1009;
  sort(values, 0, 23);
  return values[0] + values[23];
}

// Calling conventions; on x64 and ARM64 they are all one.

NOINLINE static word __stdcall standard(word one, word two, word three) { return busy(three, two, one, one); }
NOINLINE static word __stdcall standard_deep(word one, word two, word three, word four, word five) {
  word first = standard(five, four, three);
  return standard(first, two, one) + mix(first, five);
}
NOINLINE static word __fastcall fast(word one, word two, word three, word four) {
  return standard(one, two, three) + mix(four, one);
}
NOINLINE static word __cdecl plain(word one, word two, word three, word four, word five, word six) {
  return busy(one, two, three, four) + fast(five, six, one, two);
}
NOINLINE static word __cdecl many(int count, ...) {
  __builtin_va_list list;
  __builtin_va_start(list, count);
  word sum = 0;
  for (int index = 0; index < count; index++) sum = mix(sum, __builtin_va_arg(list, word));
  __builtin_va_end(list);
  return sum;
}

EXPORT word __stdcall conventions(word one, word two, word three) {
  word first = standard_deep(one, two, three, 4, 5);
  word second = fast(first, one, two, three);
  word third = plain(first, second, one, two, three, 6);
  return many(5, first, second, third, one, two) + plain(third, second, first, 1, 2, 3) + conditional(third);
}

EXPORT word __fastcall nested_arguments(word one, word two, word three) {
  return plain(standard(one, two, three), fast(one, two, three, 4), mix(one, two), standard(two, mix(three, one), one),
               conditional(two), many(2, one, mix(two, two)));
}

// Callbacks.

typedef word(__stdcall *StandardCallback)(word, word);
typedef word(__cdecl *PlainCallback)(word, word);
NOINLINE static word __stdcall standard_callback(word one, word two) { return busy(one, two, 1, 2); }
NOINLINE static word __cdecl plain_callback(word one, word two) { return standard(one, two, 3); }
static StandardCallback volatile standard_callbacks[2] = {standard_callback, standard_callback};
static PlainCallback volatile plain_callbacks[2] = {plain_callback, mix};

EXPORT word for_each(word count, word seed) {
  for (word index = 0; index < (count & 7); index++) {
    seed = standard_callbacks[index & 1](seed, index);
    seed = plain_callbacks[index & 1](index, seed);
  }
  return seed;
}

// Tail calls.

NOINLINE static word last(word one, word two) { return busy(one, two, 5, 6); }
NOINLINE static word before_last(word one, word two) { return last(two + 1, one); }
NOINLINE static word __stdcall tail_through_pointer(word one, word two) {
  return standard_callbacks[one & 1](two, one);
}
EXPORT word tails(word one, word two) {
  word first = before_last(one, two) + tail_through_pointer(two, one);
  return before_last(first, one);
}

// Big, variable and aligned frames.

EXPORT word big_frame(word seed) {
  volatile unsigned char block[6000];
  for (int index = 0; index < 6000; index += 500) block[index] = static_cast<unsigned char>(seed + index);
  return busy(block[0], block[500], block[5500], seed) + standard(seed, block[1000], 1);
}

EXPORT word variable_frame(word count, word seed) {
  count = (count & 63) + 8;
  volatile unsigned char *block = static_cast<unsigned char *>(__builtin_alloca(count));
  block[0] = static_cast<unsigned char>(seed);
  block[count - 1] = 1;
  word first = standard(block[0], seed, count);
  return mix(first, block[count - 1]) + plain(first, seed, count, 1, 2, 3);
}

EXPORT word aligned_frame(word seed) {
  alignas(64) volatile word values[16];
  for (int index = 0; index < 16; index++) values[index] = seed + index;
  return busy(values[0], values[5], values[10], values[15]) + standard(values[1], seed, 9);
}

EXPORT word aligned_variable_frame(word count, word seed) {
  alignas(32) volatile word values[8];
  volatile unsigned char *block = static_cast<unsigned char *>(__builtin_alloca((count & 31) + 16));
  values[seed & 7] = seed;
  block[0] = static_cast<unsigned char>(seed);
  return plain(values[0], block[0], count, seed, 1, 2) + standard(seed, values[seed & 7], 2);
}

// Structures by value, wide and floating-point numbers.

struct Block {
  word values[9];
};

NOINLINE static Block make(word seed) {
  Block block;
  for (int index = 0; index < 9; index++) block.values[index] = mix(seed, index);
  return block;
}
NOINLINE static word sum(Block block) {
  word total = 0;
  for (int index = 0; index < 9; index++) total = mix(total, block.values[index]);
  return total;
}
EXPORT word by_value(word seed) {
  Block block = make(seed);
  return sum(block) + sum(make(seed + 1));
}

NOINLINE static double curve(double at, double slope) {
  sink += static_cast<word>(at);
  return at * slope + 0.5;
}
NOINLINE static wide scaled(wide value, double factor) {
  double first = curve(factor, 2.0), second = curve(first, factor), third = curve(second, first);
  return value * 3 + static_cast<wide>(first + second + third);
}
EXPORT wide numbers(word seed) {
  double factor = static_cast<double>(seed & 15);
  wide first = scaled(seed, factor), second = scaled(first & 0xFFFF, factor + 1.0);
  return first + second + mix(seed, 2);
}

// Methods: thiscall, virtual calls, adjusted by thunks.

struct Shape {
  word size;
  NOINLINE virtual word area(word scale) { return mix(size, scale); }
  NOINLINE word twice(word scale) { return area(scale) + area(scale + 1); }
};
struct Named {
  word name;
  NOINLINE virtual word label(word prefix, word suffix) { return mix(name, prefix) + suffix; }
};
struct Square : Shape, Named {
  NOINLINE word area(word scale) override { return standard(size, size, scale) + mix(size, scale); }
  NOINLINE word label(word prefix, word suffix) override { return busy(size, prefix, suffix, area(prefix)); }
};
struct Circle : Shape {
  word centre;
  NOINLINE word area(word scale) override { return conditional(size * scale) + centre; }
};

NOINLINE static word describe(Named *named, word prefix) { return named->label(prefix, 3) + mix(prefix, 1); }

EXPORT word methods(word seed) {
  Square square;
  Circle circle;
  square.size = seed & 0xFF;
  square.name = seed >> 8;
  circle.size = seed & 0xF;
  circle.centre = 7;
  Shape *shapes[2] = {&square, &circle};
  word total = 0;
  for (int index = 0; index < 4; index++) total += shapes[index & 1]->twice(seed + index);
  return total + describe(&square, seed);
}

// Many live values, loops, early returns, and a switch.

EXPORT word interpret(word program, word length) {
  word registers[8] = {1, 2, 3, 4, 5, 6, 7, 8};
  for (word at = 0; at < (length & 31) + 8; at++) {
    program = program * 0x41C64E6D + 0x3039;
    word target = program >> 20 & 7;
    switch (program >> 16 & 7) {
      case 0: registers[target] = standard(registers[0], registers[1], registers[2]); break;
      case 1: registers[target] = mix(registers[3], at); break;
      case 2: registers[target] = plain(at, registers[4], registers[5], 1, 2, target); break;
      case 3: registers[target] = conditional(registers[target]); break;
      case 4: registers[target] = fast(at, target, registers[6], registers[7]); break;
      case 5: registers[target] = before_last(registers[1], at); break;
      case 6:
        if (registers[target] == 0x55) return registers[0];
        registers[target] += many(3, at, target, registers[0]);
        break;
      default: registers[target] = busy(registers[0], registers[2], registers[4], registers[6]);
    }
  }
  return registers[0] ^ registers[7];
}

#if defined(EXCEPTIONS)
// Frames that handle exceptions: none is thrown here, but the frames are built for it.

extern "C" int __CxxFrameHandler3(void *, void *, void *, void *) { return 1; }
extern "C" int __C_specific_handler(void *, void *, void *, void *) { return 1; }
extern "C" int _except_handler3(void *, void *, void *, void *) { return 1; }
extern "C" void __stdcall _CxxThrowException(void *object, void *) {
  sink = reinterpret_cast<word>(object);
  for (;;) sink++;
}
struct TypeInfoTable {
  void *address;
} type_info_table asm("??_7type_info@@6B@");

struct Guard {
  word *count;
  NOINLINE explicit Guard(word *counted) : count(counted) { mix(*counted, 1); }
  NOINLINE ~Guard() { *count = mix(*count, 2); }
};

NOINLINE static word may_throw(word value) {
  if (value == 0xDEAD) throw 1;
  return busy(value, 1, 2, 3);
}

EXPORT word guarded(word seed) {
  word count = seed;
  Guard outer(&count);
  word first = may_throw(seed & 0xFF);
  {
    Guard inner(&count);
    first += may_throw(first & 0xFF) + standard(first, seed, 1);
  }
  return first + count;
}

EXPORT word caught(word seed) {
  word total = seed;
  try {
    Guard guard(&total);
    total += may_throw(seed & 0xFF);
    total += plain(total, seed, 1, 2, 3, 4);
  } catch (int error) {
    total += mix(error, 3);
  }
  return mix(total, seed);
}

NOINLINE static word protected_read(word *from, word seed) {
  word value = 0;
  __try {
    value = may_throw(seed & 0xFF) + standard(seed, 1, 2);
    sink = value;
  } __except (1) {
    value = mix(seed, 4);
  }
  return value + mix(value, seed);
}

EXPORT word structured(word seed) {
  word total = 0;
  __try {
    total = protected_read(&total, seed) + mix(seed, 1);
  } __finally {
    total += standard(total, seed, 3);
  }
  return total;
}
#endif

extern "C" int __stdcall entry(void *, unsigned, void *) { return 1; }
