// Who serves whom: a neighbour graph made symmetric, each sample beside its neighbours.
//
// Of a graph A, whose row u has a 1 for each neighbour of u, this is M = (A + A^T)/2 + I. There are
// three kinds of entries: 1 on the diagonal, 1 where two samples have each other as neighbours, 1/2
// where one has the other. So no numbers are stored but ids, each with a bit that says which of the
// last two it is: 4 bytes an entry, and 8 bytes a row to find them.
//
//   const CoverGraph graph(neighbors, rows, width);   // -1 where there is no neighbour
//   graph.sum(7, weights);                            // the weights that 7 serves, added up
//   graph.each(7, [](Id id, double share) { ... });   // one after the other
//
// What it is made from must not change meanwhile: it is read three times.
//
// Never changed once made: any thread may read it beside any other.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <span>
#include <stdexcept>
#include <string>
#include <vector>

#include "socbi/score.hpp"

namespace socbi {

class CoverGraph {
 public:
  /// `neighbors` has `rows` rows of `width` ids. A sample's own id and an id that comes twice count
  /// once or not at all; others than -1 and rows are refused.
  CoverGraph(std::span<const std::int32_t> neighbors, std::size_t rows, std::size_t width)
      : starts_(rows + 1) {
    if (rows > std::size_t{INT32_MAX} || neighbors.size() != rows * width) {
      throw std::invalid_argument("a cover graph needs rows x width ids and at most 2^31 - 1 rows");
    }
    const Incoming incoming(neighbors, rows, width);
    entries_.reserve(2 * incoming.sources.size());
    std::vector<Id> mine;
    for (std::size_t row = 0; row < rows; ++row) {
      mine.clear();
      for (const std::int32_t id : neighbors.subspan(row * width, width)) {
        if (counts(id, row)) mine.push_back(static_cast<Id>(id));
      }
      std::sort(mine.begin(), mine.end());
      mine.erase(std::unique(mine.begin(), mine.end()), mine.end());
      append_row(mine, incoming.of(row));
      starts_[row + 1] = entries_.size();
    }
    entries_.shrink_to_fit();
  }

  [[nodiscard]] std::size_t size() const noexcept { return starts_.size() - 1; }

  /// How many a row serves, itself included.
  [[nodiscard]] std::size_t degree(std::size_t row) const noexcept {
    return starts_[row + 1] - starts_[row] + 1;
  }

  /// The largest degree; 0 without rows.
  [[nodiscard]] std::size_t largest_degree() const noexcept {
    std::size_t most = 0;
    for (std::size_t row = 0; row < size(); ++row) most = std::max(most, degree(row));
    return most;
  }

  /// The weights of a row's samples, those of one-sided neighbours halved, added up.
  [[nodiscard]] double sum(std::size_t row, const double* weights) const noexcept {
    // One loop for both kinds, since each end of a loop is a branch that is guessed wrong; two
    // sums, so that additions need not wait for each other.
    const Entry* entry = entries_.data() + starts_[row];
    const Entry* const end = entries_.data() + starts_[row + 1];
    double even = weights[row];
    double odd = 0;
    for (; end - entry >= 2; entry += 2) {
      even += weights[id(entry[0])] * share(entry[0]);
      odd += weights[id(entry[1])] * share(entry[1]);
    }
    if (entry != end) even += weights[id(*entry)] * share(*entry);
    return even + odd;
  }

  /// Calls visit(id, share) for all that a row serves: itself, then its neighbours, ascending.
  template <class Visit>
  void each(std::size_t row, Visit&& visit) const {
    visit(static_cast<Id>(row), 1.0);
    for (std::size_t i = starts_[row]; i < starts_[row + 1]; ++i) {
      visit(id(entries_[i]), share(entries_[i]));
    }
  }

  /// Bytes of memory held.
  [[nodiscard]] std::size_t nbytes() const noexcept {
    return starts_.capacity() * sizeof(std::size_t) + entries_.capacity() * sizeof(Entry);
  }

 private:
  /// An id, and as its lowest bit whether only one of the two has the other as a neighbour.
  using Entry = std::uint32_t;
  static constexpr Entry kOneSided = 1;

  static Id id(Entry entry) noexcept { return entry >> 1; }

  static double share(Entry entry) noexcept {
    constexpr double kShares[] = {1.0, 0.5};
    return kShares[entry & kOneSided];
  }

  /// Is this a neighbour of the row, rather than nobody or the row itself?
  static bool counts(std::int32_t id, std::size_t row) noexcept {
    return id >= 0 && static_cast<std::size_t>(id) != row;
  }

  /// The graph turned round: for each sample who has it as a neighbour, ascending.
  struct Incoming {
    Incoming(std::span<const std::int32_t> neighbors, std::size_t rows, std::size_t width)
        : ends(rows + 1) {
      for (std::size_t i = 0; i < neighbors.size(); ++i) {
        const std::int32_t id = neighbors[i];
        if (id < -1 || id >= static_cast<std::int64_t>(rows)) {
          throw std::invalid_argument("row " + std::to_string(i / width) +
                                      " of the graph holds an id that is neither -1 nor a row");
        }
        if (counts(id, i / width)) ++ends[static_cast<std::size_t>(id)];
      }
      std::size_t before = 0;
      for (std::size_t& end : ends) {
        const std::size_t count = end;
        end = before;
        before += count;
      }
      sources.resize(before);
      for (std::size_t i = 0; i < neighbors.size(); ++i) {
        const std::int32_t id = neighbors[i];
        if (!counts(id, i / width)) continue;
        sources[ends[static_cast<std::size_t>(id)]++] = static_cast<Id>(i / width);
      }
    }

    [[nodiscard]] std::span<const Id> of(std::size_t row) const noexcept {
      const std::size_t begin = row == 0 ? 0 : ends[row - 1];
      return {sources.data() + begin, ends[row] - begin};
    }

    std::vector<std::size_t> ends;
    std::vector<Id> sources;
  };

  /// Merges whom a row has and who has it, both ascending.
  void append_row(const std::vector<Id>& mine, std::span<const Id> theirs) {
    auto one = mine.begin();
    for (std::size_t i = 0; i < theirs.size(); ++i) {
      if (i > 0 && theirs[i] == theirs[i - 1]) continue;
      for (; one != mine.end() && *one < theirs[i]; ++one) append(*one, kOneSided);
      const bool mutual = one != mine.end() && *one == theirs[i];
      append(theirs[i], mutual ? 0 : kOneSided);
      one += mutual ? 1 : 0;
    }
    for (; one != mine.end(); ++one) append(*one, kOneSided);
  }

  void append(Id id, Entry kind) { entries_.push_back(id << 1 | kind); }

  std::vector<std::size_t> starts_;  // of each row in entries_, and the end of the last
  std::vector<Entry> entries_;
};

}  // namespace socbi
