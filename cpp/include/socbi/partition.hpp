// Keys into ordered pieces, unordered within: the multi-way step of a quicksort.
#pragma once

#include <algorithm>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "socbi/score.hpp"
#include "socbi/sort_keys.hpp"
#include "socbi/tuning.hpp"

namespace socbi {

namespace detail {

/// Keys that cut the others into about even pieces, ascending and different from each other.
inline std::vector<Key> draw_splitters(const std::vector<Key>& keys, std::size_t pieces) {
  const std::size_t draws = pieces * tuning::kDrawsPerPiece;
  std::vector<Key> drawn(draws);
  std::uint64_t point = keys.size();  // any fixed start: the same keys are cut the same way
  for (Key& key : drawn) {
    point = point * 6364136223846793005ULL + 1442695040888963407ULL;
    key = keys[static_cast<std::size_t>(((point >> 32) * keys.size()) >> 32)];
  }
  std::sort(drawn.begin(), drawn.end());
  std::vector<Key> splitters(pieces - 1);
  for (std::size_t i = 0; i + 1 < pieces; ++i) {
    splitters[i] = drawn[(i + 1) * tuning::kDrawsPerPiece];
  }
  splitters.erase(std::unique(splitters.begin(), splitters.end()), splitters.end());
  return splitters;
}

}  // namespace detail

/// Reorders keys, all different, into about as many pieces as asked, each above the one before, and
/// returns where they begin (the first at 0). Pieces are about even, and a few may be missing or
/// empty; where many are asked for the keys are sorted and the pieces are even. `buffer` is room to
/// work in, kept by the caller.
inline std::vector<std::size_t> partition(std::vector<Key>& keys, std::size_t pieces,
                                          std::vector<Key>& buffer) {
  if (pieces < 2) return {0};
  std::vector<std::size_t> begins(pieces);
  const auto even = [&](std::size_t piece) { return keys.size() * piece / pieces; };
  if (pieces > tuning::kMostPieces || keys.size() < pieces * tuning::kDrawsPerPiece) {
    sort_keys(keys);
    for (std::size_t piece = 0; piece < pieces; ++piece) begins[piece] = even(piece);
    return begins;
  }
  std::vector<Key> splitters = detail::draw_splitters(keys, pieces);
  pieces = splitters.size() + 1;
  splitters.resize(std::bit_ceil(pieces) - 1, kHighestKey);
  // Which piece: a binary search in as many steps for every key, so that no branch depends on it.
  const auto piece_of = [&](Key key) {
    std::size_t at = 0;
    for (std::size_t step = (splitters.size() + 1) / 2; step > 0; step /= 2) {
      at += splitters[at + step - 1] <= key ? step : 0;
    }
    return at;
  };
  std::vector<std::uint8_t> piece(keys.size());  // [keys]
  begins.assign(pieces + 1, 0);
  for (std::size_t i = 0; i < keys.size(); ++i) {
    piece[i] = static_cast<std::uint8_t>(piece_of(keys[i]));
    ++begins[piece[i] + 1U];
  }
  for (std::size_t i = 0; i < pieces; ++i) begins[i + 1] += begins[i];
  std::vector<std::size_t> next = begins;
  buffer.resize(keys.size());
  for (std::size_t i = 0; i < keys.size(); ++i) buffer[next[piece[i]]++] = keys[i];
  keys.swap(buffer);
  begins.pop_back();
  return begins;
}

}  // namespace socbi
