// What the scores can have come to, known without looking at them.
//
// Two facts are kept up by every updating call: a bound on the size of any score, by which no sum
// is looked at for overflow until one could overflow; and whether all scores are whole numbers, by
// which additions can be undone exactly by subtracting.
//
// A call announces what it is going to do before it begins (`Announced`, for a scope), so that both
// are true at every moment, also in the middle of a call that gave way to others. All of it is
// guarded by one mutex, taken a few times a call and held for O(1), but for `look_at`.
#pragma once

#include <algorithm>
#include <cmath>
#include <condition_variable>
#include <limits>
#include <mutex>
#include <span>
#include <utility>

#include "socbi/score.hpp"

namespace socbi {

class ScoreRange {
 public:
  /// Up to here float32 holds every whole number.
  static constexpr double kLargestExact = 1 << 24;

  /// Held by a call from before its first change until after its last.
  class Announced {
   public:
    /// Scores may grow by `growth`, or be set to that size; by whole numbers or not. If that could
    /// take a sum out of range together with the calls under way, waits until they have ended: so
    /// either no sum can leave the range, or this is the only call. Not to be made with the gate
    /// held, which those calls need.
    Announced(ScoreRange& range, double growth, bool whole) : range_(range), growth_(growth) {
      std::unique_lock lock(range_.mutex_);
      range_.ended_.wait(lock, [&] {
        return range_.calls_ == nullptr ||
               kRoundingGrowth * (range_.bound_ + growth) <= kLargestFloat;
      });
      next_ = std::exchange(range_.calls_, this);
      range_.bound_ += growth;
      range_.whole_ = range_.whole_ && whole;
    }
    Announced(const Announced&) = delete;
    Announced& operator=(const Announced&) = delete;
    ~Announced() {
      {
        const std::lock_guard lock(range_.mutex_);
        Announced** at = &range_.calls_;
        while (*at != this) at = &(*at)->next_;
        *at = next_;
      }
      range_.ended_.notify_all();
    }

    /// Could a sum leave the range of a float? Then no other call is under way, nor will one be.
    [[nodiscard]] bool may_overflow() const {
      const std::lock_guard lock(range_.mutex_);
      return kRoundingGrowth * range_.bound_ > kLargestFloat;
    }

    /// Are all scores, and will all sums be, whole numbers that float32 holds exactly?
    [[nodiscard]] bool exact() const {
      const std::lock_guard lock(range_.mutex_);
      return range_.whole_ && range_.bound_ <= kLargestExact;
    }

    /// Would a look at the scores tell whether they are exact?
    [[nodiscard]] bool worth_a_look() const {
      const std::lock_guard lock(range_.mutex_);
      return range_.whole_ && range_.bound_ > kLargestExact;
    }

    /// Looks at the scores themselves, O(n); the gate is held alone.
    void look_at(std::span<const float> scores) {
      const std::lock_guard lock(range_.mutex_);
      range_.bound_ = largest(scores) + range_.announced_growth();
    }

   private:
    friend class ScoreRange;
    ScoreRange& range_;
    const double growth_;
    Announced* next_ = nullptr;  // guarded by the range's mutex
  };

  /// All scores were replaced by these; the gate is held alone.
  void replaced(std::span<const float> scores) {
    const bool whole = std::all_of(scores.begin(), scores.end(), is_whole);
    const std::lock_guard lock(mutex_);
    bound_ = largest(scores) + announced_growth();
    whole_ = whole && (whole_ || calls_ == nullptr);  // what was announced may still come
  }

  [[nodiscard]] static bool is_whole(float score) noexcept {
    return !std::isfinite(score) || score == std::trunc(score);
  }

 private:
  /// A sum may be rounded up by as much as was added, but not by more: staying would be nearer.
  static constexpr double kRoundingGrowth = 2.0;
  static constexpr double kLargestFloat = std::numeric_limits<float>::max();

  /// By how much the calls under way may yet make scores grow, all on one sample; mutex held.
  [[nodiscard]] double announced_growth() const noexcept {
    double growth = 0.0;
    for (const Announced* call = calls_; call != nullptr; call = call->next_)
      growth += call->growth_;
    return growth;
  }

  /// The size of the largest score; what is not finite is no sample of the pool.
  static double largest(std::span<const float> scores) noexcept {
    float largest = 0.0F;
    for (const float score : scores) {
      const float size = std::fabs(score);
      largest = size > largest && size != kRemovedScore ? size : largest;
    }
    return largest;
  }

  std::mutex mutex_;               // guards all below
  std::condition_variable ended_;  // a call has
  double bound_ = 0.0;  // no score in the pool is larger, nor will one be by the calls under way
  bool whole_ = true;   // every score in the pool is a whole number; false may be too careful
  Announced* calls_ = nullptr;  // under way, linked by next_
};

}  // namespace socbi
