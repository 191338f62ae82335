// The candidates of the largest values, in the order of float64 while the index orders by float32.
//
// Values only fall. So once all samples from some float32 on have been fetched, nobody joins them
// from below, and the best of them is the best of all until none is left at that height. An entry
// is a value that a sample had when it came; it counts while the sample has it still. Equal values
// are in the index's own order of ties.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <vector>

#include "socbi/index.hpp"
#include "socbi/score.hpp"

namespace socbi {

class CoverFront {
 public:
  struct Entry {
    double value;
    std::uint32_t tie;
    Id id;
  };

  /// `seed` and `size` are those of the index.
  CoverFront(std::uint64_t seed, std::size_t size) : order_(Ties::kRandom, seed, size) {}

  /// The best entry for which `holds(entry)`, fetching more where there is none; null when nobody
  /// is left. `value_of(id)` is a sample's value now.
  template <class Holds, class ValueOf>
  const Entry* best(SemiOrderedIndex& index, Holds&& holds, ValueOf&& value_of) {
    while (true) {
      while (!heap_.empty() && !holds(heap_.front())) drop();
      if (!heap_.empty()) return &heap_.front();
      if (index.size() == 0) return nullptr;
      fetch(index, value_of);
    }
  }

  /// Takes the best entry out.
  void drop() {
    std::pop_heap(heap_.begin(), heap_.end(), below);
    heap_.pop_back();
  }

  /// Hears of a sample whose value fell.
  void lowered(Id id, double value) {
    if (static_cast<float>(value) < least_) return;
    heap_.push_back({value, order_.tie(id), id});
    std::push_heap(heap_.begin(), heap_.end(), below);
  }

  /// The index was made anew.
  void clear() noexcept {
    heap_.clear();
    least_ = std::numeric_limits<float>::infinity();
  }

 private:
  static constexpr std::size_t kFewest = 64;  // fetched at once: some tens of them serve as picks

  static bool below(const Entry& one, const Entry& other) noexcept {
    return one.value < other.value || (one.value == other.value && one.tie > other.tie);
  }

  /// Fetches the best, whole groups of one float32: the last group may go on behind those seen.
  template <class ValueOf>
  void fetch(SemiOrderedIndex& index, ValueOf&& value_of) {
    std::size_t look = kFewest;
    Best found = index.top(look);
    while (found.ids.size() == look && found.scores.front() == found.scores.back()) {
      look *= 4;
      found = index.top(look);
    }
    std::size_t whole = found.ids.size();
    if (whole == look) {
      while (found.scores[whole - 1] == found.scores.back()) --whole;
    }
    least_ = found.scores[whole - 1];
    for (std::size_t i = 0; i < whole; ++i) {
      const auto id = static_cast<Id>(found.ids[i]);
      heap_.push_back({value_of(id), order_.tie(id), id});
    }
    std::make_heap(heap_.begin(), heap_.end(), below);
  }

  TotalOrder order_;
  std::vector<Entry> heap_;
  float least_ = std::numeric_limits<float>::infinity();  // of those fetched
};

}  // namespace socbi
