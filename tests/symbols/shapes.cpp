typedef unsigned long ULONG;
struct _LIST { _LIST *Flink, *Blink; };
union _STATE { ULONG Whole; struct { ULONG Low : 3; ULONG Mid : 13; ULONG High : 16; }; };
enum Colour { Red, Green = 7 };
struct _THING { _LIST Links; _STATE State; unsigned char Name[15]; short Grid[2][3]; Colour Paint; double Weight; void (*Callback)(int); volatile const char *Text; wchar_t Wide; bool Flag; long long Count; };
namespace deep { struct Base { virtual int area() const; int Sides; }; struct Square : Base { int area() const override; int Side; }; template <class T> struct Box { T Content; T *Next; T get() const { return Content; } }; }
extern "C" volatile int sink;
volatile int sink;
static inline __attribute__((always_inline)) int twice(int x) {
  sink = x;
  return 2 * x;
}
static inline __attribute__((always_inline)) int four_times(int x) {
  int y = twice(x);
  return twice(y);
}
int deep::Base::area() const { return Sides; }
int deep::Square::area() const { return four_times(Side) + Side * Side; }
static deep::Box<int> box;
static int __attribute__((noinline)) hidden(_THING *thing, int x) {
  thing->State.Mid = x;
  thing->Grid[1][2] = (short)four_times(x);
  box.Content = x;
  return box.get() + thing->Name[x & 7];
}
extern "C" int __attribute__((noinline)) visible(_THING *thing, int x, int y) {
  int total = 0;
  for (int i = 0; i < x; i++)
    total += hidden(thing, i + y) ^ twice(y);
  return total;
}
extern "C" int __stdcall plain(int a, int b, int c) { return visible(0, a, b) + c; }
static deep::Square square;
extern "C" int start() { _THING thing; return visible(&thing, sink, 3) + square.area() + plain(1, 2, 3); }
