// SPDX-License-Identifier: MIT
// Products of bfloat16 pairs in the tile registers of Intel's AMX: 16 x 16 sums a tile, 16 pairs of the depth a step.
// Intel 64 and IA-32 Architectures Software Developer's Manual, volume 1, chapter 18 (tiles), and volume 2,
// TDPBF16PS. The kernel is a template over the tiles: the CPU's, or their emulation, which tests run on any machine.
#pragma once

#include <odt/exec/cpu/convolution/gemm.hpp>

#include <cstring>

#if defined(__AVX512BF16__) && defined(__x86_64__) && defined(__linux__) && \
    ((defined(__AMX_TILE__) && defined(__AMX_BF16__)) || (defined(__AMXTILE__) && defined(__AMXBF16__)))
#define ODT_AMX 1  // clang before 16 spells the macros without the underscore
#else
#define ODT_AMX 0
#endif

namespace odt::cpu {
inline namespace ODT_ISA {

/// Rows of a tile register, and its elements a row: of 16 columns, or pairs along the depth.
inline constexpr int amx_size = 16;
/// Columns of a tile of the right operand and of the sums: fewer only where a panel is narrower, in the emulation.
inline constexpr int amx_columns = tile_columns < amx_size ? tile_columns : amx_size;

/// What the instructions do, but for denormals, which they flush to zero. Strides are in elements.
class amx_emulated {
 public:
  struct session {};

  template <int Tile>
  void zero() {
    std::memset(tiles_[Tile], 0, sizeof tiles_[Tile]);
  }
  template <int Tile>
  void load_left(const float* from, std::ptrdiff_t stride) {
    load(Tile, from, stride, amx_size);
  }
  template <int Tile>
  void load_right(const float* from, std::ptrdiff_t stride) {
    load(Tile, from, stride, amx_columns);
  }
  /// Sums += left * right: the first of the pairs and the second are summed apart.
  template <int Sums, int Left, int Right>
  void dot() {
    for (int m = 0; m < amx_size; ++m) {
      float first[amx_size] = {}, second[amx_size] = {};
      for (int k = 0; k < amx_size; ++k) {
        const float left = tiles_[Left][m][k];
        for (int n = 0; n < amx_columns; ++n) {
          first[n] += first_of(left) * first_of(tiles_[Right][k][n]);  // bfloat16 products are exact in fp32
          second[n] += second_of(left) * second_of(tiles_[Right][k][n]);
        }
      }
      for (int n = 0; n < amx_columns; ++n) tiles_[Sums][m][n] += first[n] + second[n];
    }
  }
  template <int Tile>
  void store(float* to, std::ptrdiff_t stride) const {
    for (int r = 0; r < amx_size; ++r) std::memcpy(to + r * stride, tiles_[Tile][r], amx_columns * sizeof(float));
  }

 private:
  static float first_of(float pair) { return std::bit_cast<float>(std::bit_cast<std::uint32_t>(pair) << 16); }
  static float second_of(float pair) { return std::bit_cast<float>(std::bit_cast<std::uint32_t>(pair) & 0xffff0000u); }

  void load(int tile, const float* from, std::ptrdiff_t stride, int count) {
    for (int r = 0; r < amx_size; ++r)
      std::memcpy(tiles_[tile][r], from + r * stride, static_cast<std::size_t>(count) * sizeof(float));
  }

  float tiles_[8][amx_size][amx_size];
};

#if ODT_AMX

/// The CPU's tiles. In assembly, because the intrinsics of gcc 12 take the number of a tile only as a literal and do
/// not say that they read memory.
class amx_tiles {
 public:
  /// Configures the tiles of this thread and gives them back: other libraries configure them too, and a thread that
  /// holds none is switched faster.
  class session {
   public:
    session() {
      static constexpr configuration whole;
      asm volatile("ldtilecfg %0" ::"m"(whole));
    }
    session(const session&) = delete;
    session& operator=(const session&) = delete;
    ~session() { asm volatile("tilerelease"); }
  };

  template <int Tile>
  static void zero() {
    asm volatile("tilezero %%tmm%c0" ::"i"(Tile));
  }
  template <int Tile>
  static void load_left(const float* from, std::ptrdiff_t stride) {
    load<Tile>(from, stride);
  }
  template <int Tile>
  static void load_right(const float* from, std::ptrdiff_t stride) {
    load<Tile>(from, stride);
  }
  template <int Sums, int Left, int Right>
  static void dot() {
    asm volatile("tdpbf16ps %%tmm%c2, %%tmm%c1, %%tmm%c0" ::"i"(Sums), "i"(Left), "i"(Right));
  }
  template <int Tile>
  static void store(float* to, std::ptrdiff_t stride) {
    asm volatile("tilestored %%tmm%c2, (%0,%1,1)" ::"r"(to), "r"(bytes(stride)), "i"(Tile) : "memory");
  }

 private:
  /// Palette 1: eight tiles, here of 16 rows of 64 bytes.
  struct alignas(64) configuration {
    std::uint8_t palette = 1, start_row = 0, reserved[14] = {};
    std::uint16_t row_bytes[16] = {64, 64, 64, 64, 64, 64, 64, 64};
    std::uint8_t rows[16] = {16, 16, 16, 16, 16, 16, 16, 16};
  };
  static_assert(sizeof(configuration) == 64 && amx_columns == amx_size);

  static std::ptrdiff_t bytes(std::ptrdiff_t stride) { return stride * std::ptrdiff_t{sizeof(float)}; }

  template <int Tile>
  static void load(const float* from, std::ptrdiff_t stride) {
    asm volatile("tileloadd (%0,%1,1), %%tmm%c2" ::"r"(from), "r"(bytes(stride)), "i"(Tile) : "memory");
  }
};

#endif

/// Whether this process may use the tiles: they are compiled in, the CPU has them, and the kernel, asked once, permits
/// it.
bool amx_permitted();

/// Products of pairs of bfloat16 in AMX tiles: the first and the second of 16 pairs are summed apart in fp32, and their
/// sum is added to what is there.
template <class Tiles>
struct amx_product : bf16_pairs {
  using tiles = Tiles;
  using session = typename Tiles::session;
  static constexpr int rows = 2 * amx_size;
  static constexpr int row_unit = amx_size;
  static constexpr int step = amx_size;
  static constexpr tile_order turned = tile_order::rows;
};

namespace detail::amx {

/// Rows and columns of C as tiles: as many as leave a register each for a row of A's tiles and a column of B's.
inline constexpr int most_rows = 2, most_columns = tile_columns / amx_columns;
inline constexpr int left_tile = 4, right_tile = 6;

/// C = A * B for Rows x Columns tiles; C is dense, `tile_columns` wide.
template <class Tiles, int Rows, int Columns>
void multiply_tiles(std::ptrdiff_t depth, const float* a, const float* b, float* c) {
  Tiles tiles;
  unroll<Rows * Columns>([&](auto t) { tiles.template zero<t>(); });
  for (std::ptrdiff_t k = 0; k < depth; k += amx_size) {
    unroll<Columns>([&](auto j) { tiles.template load_right<right_tile + j>(b + j * amx_columns, tile_columns); });
    unroll<Rows>([&](auto i) {
      tiles.template load_left<left_tile + i>(a + std::ptrdiff_t{i} * amx_size * block_stride, block_stride);
      unroll<Columns>([&](auto j) { tiles.template dot<i * Columns + j, left_tile + i, right_tile + j>(); });
    });
    a += amx_size;
    b += amx_size * tile_columns;
  }
  unroll<Rows>([&](auto i) {
    unroll<Columns>([&](auto j) {
      tiles.template store<i * Columns + j>(c + i * amx_size * tile_columns + j * amx_columns, tile_columns);
    });
  });
}

/// Rows of C that are in vector registers together on their way to memory.
inline constexpr int finish_rows = tile_rows < 8 ? tile_rows : 8;

template <int Rows, int Vectors>
void finish_tile(const float* c, const tile_output& out) {
  vec sums[Rows][Vectors];
  unroll<Rows>([&](auto i) {
    unroll<Vectors>([&](auto j) { sums[i][j] = vec::load_aligned(c + i * tile_columns + j * lanes); });
  });
  finish_columns<Rows, Vectors>(sums, out);
}

using finish_function = void (*)(const float* c, const tile_output& out);

template <int Vectors, int... Rows>
constexpr auto finish_functions(std::integer_sequence<int, Rows...>) {
  return std::array<finish_function, sizeof...(Rows)>{&finish_tile<Rows + 1, Vectors>...};
}

inline constexpr std::array<std::array<finish_function, finish_rows>, tile_vectors> finish_table = {
    finish_functions<1>(std::make_integer_sequence<int, finish_rows>{}),
    finish_functions<2>(std::make_integer_sequence<int, finish_rows>{})};

inline void finish(const float* c, int rows, tile_output out) {
  const auto& finishes = finish_table[out.columns > lanes ? 1u : 0u];
  for (int i = 0; i < rows; i += finish_rows) {
    const int count = std::min(finish_rows, rows - i);
    finishes[static_cast<std::size_t>(count - 1)](c + i * tile_columns, out);
    out.rows += count;
    if (out.raw) out.raw += count;
    out.first = false;
  }
}

}  // namespace detail::amx

/// Reads whole tiles of A: rows beyond `rows` may hold anything.
template <class Product, tile_order Order>
  requires requires { typename Product::tiles; }
void multiply_rows(int rows, std::ptrdiff_t depth, const float* a, const float* b, const tile_output& out) {
  static_assert(Order == tile_order::rows);
  using namespace detail::amx;
  using tiles = typename Product::tiles;
  alignas(64) float c[Product::rows * tile_columns];
  const bool tall = rows > amx_size, wide = out.columns > amx_columns;
  if (wide)
    (tall ? multiply_tiles<tiles, 2, most_columns> : multiply_tiles<tiles, 1, most_columns>)(depth, a, b, c);
  else
    (tall ? multiply_tiles<tiles, 2, 1> : multiply_tiles<tiles, 1, 1>)(depth, a, b, c);
  finish(c, rows, out);
}

/// Calls body(product) with this machine's product of that precision.
template <class Body>
void with_product(precision p, const Body& body) {
  if (p == precision::fp32) return body(fp32_product{});
#if ODT_AMX
  if (amx_permitted()) return body(amx_product<amx_tiles>{});
#endif
  body(bf16_product{});
}

}  // namespace ODT_ISA
}  // namespace odt::cpu

#if defined(ODT_HEADER_ONLY)
#include <odt/exec/cpu/convolution/amx.ipp>
#endif
