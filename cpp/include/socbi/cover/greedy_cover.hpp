// The exact greedy choice of samples that serve the most, at little more than one pass.
//
// A sample's value is a factor of its own times the weights that it serves. The best is taken, what
// it serves needs no more serving, and so on. A pick changes the values of its neighbours'
// neighbours alone, and only downwards: a few hundred updates of a SemiOrderedIndex, in which
// samples that fall away from the asked end cost next to nothing.
//
//   GreedyCover greedy(graph, weights, factors, std::move(open), {}, options);
//   Cover cover = greedy.take(128);        // and take() again goes on from there
//
// No error piles up over the picks: weights are rounded at the start so that every sum and
// difference of them is exact (`rounded_for`). So a batch is the same for any number of threads,
// and that of the plain form, which multiplies the whole graph for every pick.
//
// One thread at a time. The graph, the weights and the factors must outlive it.
#pragma once

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <memory>
#include <span>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "socbi/cover/cover_front.hpp"
#include "socbi/cover/cover_graph.hpp"
#include "socbi/huge_pages.hpp"
#include "socbi/index.hpp"
#include "socbi/row_blocks.hpp"
#include "socbi/score.hpp"

namespace socbi {

/// Rounds weights so that sums over rows of up to `degree` entries are exact.
///
/// With d the degree, to multiples of 2^-52 d times the largest weight, powers of two above either:
/// with a hundred neighbours 2^-44, far below what probabilities can tell; a hub of a million takes
/// that to 2^-31. So the sum over a row is the same in any order, and after any number of
/// subtractions.
inline void round_for_sums(std::span<double> weights, std::size_t degree) {
  double largest = 0;
  for (const double weight : weights) largest = std::max(largest, weight);
  int exponent = 0;
  std::frexp(largest, &exponent);
  const double unit = std::ldexp(1.0, exponent + static_cast<int>(std::bit_width(degree)) - 52);
  if (largest == 0 || unit == 0) {  // weights of 1e-300 have no parts
    std::fill(weights.begin(), weights.end(), 0.0);
    return;
  }
  // Below 2^52 a number plus 2^52 has no bits for a fraction left: nearest, ties to even. As fast
  // as an addition, where nearbyint is a call for every number.
  constexpr double kNoFraction = 4503599627370496.0;
  for (double& weight : weights) weight = ((weight / unit + kNoFraction) - kNoFraction) * unit;
}

/// What was taken, best first.
struct Cover {
  std::vector<std::int64_t> ids;
  std::vector<double> values;            ///< of each when it was taken
  std::vector<std::int64_t> served;      ///< whom each was the first to serve, one after the other,
  std::vector<std::int64_t> served_end;  ///< ascending, and where those of each end
  std::vector<std::uint8_t> tied;        ///< whether another candidate had the same value
};

struct CoverOptions {
  std::uint64_t seed = 0;  ///< fixes the order of equal values: that of an index of all samples
  unsigned threads = 1;    ///< of a pass over the graph
};

class GreedyCover {
 public:
  /// Values all: one pass.
  ///
  /// `weights` says how much each sample needs serving, 0 or more; `factors`, 0 or more, multiplies
  /// what it serves; `open` who may be taken; `before` who serves already, as if taken first, in
  /// this order.
  GreedyCover(const CoverGraph& graph, std::span<const double> weights,
              std::span<const double> factors, std::vector<std::uint8_t>&& open,
              std::span<const std::int64_t> before, const CoverOptions& options)
      : graph_(graph),
        weights_(weights),
        factors_(factors),
        options_(options),
        degree_(graph.largest_degree()),
        open_(std::move(open)),
        sums_(graph.size()),
        front_(options.seed, graph.size()) {
    if (weights.size() != graph.size() || factors.size() != graph.size() ||
        open_.size() != graph.size()) {
      throw std::invalid_argument("weights, factors and open must have one number for each row");
    }
    left_to_take_ = static_cast<std::size_t>(std::count(open_.begin(), open_.end(), kOpen));
    serve_anew();
    serve_before(before);
    value_all();
  }

  /// The next `number`; fewer where no more are left, or where a round of serving has ended, so
  /// that the caller hears signals between passes. Empty only if nobody is left.
  ///
  /// When no candidate serves anything any more, all but the samples taken need serving as much as
  /// at the start: a second round, which costs another pass. Once a round begins with no candidate
  /// of any value there are no more, and the rest are in the order of ties.
  [[nodiscard]] Cover take(std::size_t number) {
    Cover cover;
    for (number = std::min(number, left_to_take_); cover.ids.size() < number;) {
      if (best_value() == 0 && !over_) {
        const bool ended = !fresh_;
        if (ended) begin_anew();
        over_ = best_value() == 0;
        if (ended && !cover.ids.empty()) return cover;
      }
      take_best(cover);
    }
    return cover;
  }

  /// 1, and one more for each time that serving began anew because all had been served.
  [[nodiscard]] std::size_t rounds() const noexcept { return rounds_; }

  /// Passes over the graph.
  [[nodiscard]] std::size_t passes() const noexcept { return passes_; }

  /// How many values of candidates the picks changed.
  [[nodiscard]] std::size_t updates() const noexcept { return updates_; }

 private:
  // Of open_: who may be taken, and whose value the pick at hand has changed.
  static constexpr std::uint8_t kOpen = 1;
  static constexpr std::uint8_t kChanged = 2;

  // ---- rounds ----------------------------------------------------------------------------------

  /// Lets all but those taken need serving as at the start.
  void serve_anew() {
    left_.assign(weights_.begin(), weights_.end());
    round_for_sums(left_, degree_);
    for (const Id id : gone_) left_[id] = 0;
    fresh_ = true;
  }

  void serve_before(std::span<const std::int64_t> before) {
    const auto needing = [&] {
      return left_.size() - static_cast<std::size_t>(std::count(left_.begin(), left_.end(), 0.0));
    };
    std::size_t lacking = before.empty() ? 0 : needing();
    for (std::size_t i = 0; i < before.size(); ++i) {
      const auto row = static_cast<std::uint64_t>(before[i]);
      if (row >= graph_.size()) throw UnknownId(i, before[i], graph_.size());
      gone_.push_back(static_cast<Id>(row));
      graph_.each(row, [&](Id id, double) {
        lacking -= left_[id] != 0 ? 1 : 0;
        left_[id] = 0;
      });
      fresh_ = false;
      if (lacking > 0 || over_) continue;
      serve_anew();  // a round that these have finished
      lacking = needing();
      over_ = lacking == 0;
    }
  }

  void begin_anew() {
    serve_anew();
    value_all();
    rounds_ += best_value() > 0 ? 1 : 0;
  }

  /// One pass: sums for all, and an index of the values of those who may be taken.
  void value_all() {
    const std::size_t rows = graph_.size();
    ForOneCall<float> values(rows);
    in_row_blocks(rows, options_.threads, [&](std::size_t begin, std::size_t end) {
      for (std::size_t row = begin; row < end; ++row) {
        sums_[row] = graph_.sum(row, left_.data());
        values[row] = open_[row] == kOpen ? static_cast<float>(value_of(row))
                                          : std::numeric_limits<float>::quiet_NaN();
      }
    });
    ++passes_;
    require_finite(values);
    IndexOptions options;
    options.order = Asked::kLargest;
    options.seed = options_.seed;
    options.threads = 1;
    index_ = std::make_unique<SemiOrderedIndex>(std::span<const float>(values), options);
    front_.clear();
  }

  void require_finite(std::span<const float> values) const {
    for (std::size_t row = 0; row < values.size(); ++row) {
      if (open_[row] == kOpen && !std::isfinite(values[row])) {
        throw std::invalid_argument("the value of sample " + std::to_string(row) +
                                    " is no float32 number; scale weights and factors down");
      }
    }
  }

  // ---- picks -----------------------------------------------------------------------------------

  [[nodiscard]] double value_of(std::size_t row) const noexcept {
    return factors_[row] * sums_[row];
  }

  const CoverFront::Entry& best() {
    return *front_.best(
        *index_,
        [&](const CoverFront::Entry& entry) {
          return open_[entry.id] == kOpen && entry.value == value_of(entry.id);
        },
        [&](Id id) { return value_of(id); });
  }

  [[nodiscard]] double best_value() { return best().value; }

  void take_best(Cover& cover) {
    const CoverFront::Entry taken = best();
    const std::int64_t id = taken.id;
    open_[taken.id] = 0;
    front_.drop();
    --left_to_take_;
    index_->remove({&id, 1});
    cover.ids.push_back(id);
    cover.values.push_back(taken.value);
    cover.tied.push_back(left_to_take_ > 0 && is_next(taken.value) ? 1 : 0);
    serve(taken.id, cover.served);
    cover.served_end.push_back(static_cast<std::int64_t>(cover.served.size()));
    gone_.push_back(taken.id);
    fresh_ = false;
  }

  /// Has another of those fetched this value? All who do have been fetched with it.
  [[nodiscard]] bool is_next(double value) { return best_value() == value; }

  /// Lets a sample serve its row, and gives those who served any of it their new value.
  void serve(Id row, std::vector<std::int64_t>& served) {
    const std::size_t first = served.size();
    graph_.each(row, [&](Id id, double) {
      if (left_[id] > 0) served.push_back(id);
    });
    std::sort(served.begin() + static_cast<std::ptrdiff_t>(first), served.end());
    changed_.clear();
    for (std::size_t i = first; i < served.size(); ++i) {
      const auto one = static_cast<Id>(served[i]);
      graph_.each(one, [&](Id id, double share) {
        sums_[id] -= share * left_[one];
        if (open_[id] != kOpen) return;
        open_[id] |= kChanged;
        changed_.push_back(id);
      });
      left_[one] = 0;
    }
    values_.resize(changed_.size());
    for (std::size_t i = 0; i < changed_.size(); ++i) {
      const auto id = static_cast<Id>(changed_[i]);
      open_[id] = kOpen;
      const double value = value_of(id);
      values_[i] = static_cast<float>(value);
      front_.lowered(id, value);
    }
    index_->set(changed_, Values(values_));
    updates_ += changed_.size();
  }

  template <class Number>
  using ForOneCall = std::vector<Number, HugePages<Number, std::size_t{1} << 20>>;
  using Doubles = ForOneCall<double>;

  const CoverGraph& graph_;
  const std::span<const double> weights_;
  const std::span<const double> factors_;
  const CoverOptions options_;
  const std::size_t degree_;        // the largest
  Doubles left_;                    // of the weights, rounded, what still needs serving
  std::vector<std::uint8_t> open_;  // kOpen, kChanged
  Doubles sums_;                    // of what each serves of `left_`; exact
  std::vector<Id> gone_;            // who serves already, in order
  std::unique_ptr<SemiOrderedIndex> index_;
  CoverFront front_;
  std::vector<std::int64_t> changed_;  // by the pick at hand
  std::vector<float> values_;          // of those
  std::size_t left_to_take_ = 0;
  std::size_t rounds_ = 1;
  std::size_t passes_ = 0;
  std::size_t updates_ = 0;
  bool fresh_ = true;  // nobody has served in this round yet
  bool over_ = false;  // not even a round that begins has value for a candidate
};

}  // namespace socbi
