// Holding the access gate for a scope.
#pragma once

#include "socbi/access_gate.hpp"

namespace socbi {

/// Alone: plain reads and writes of everything the gate guards.
class Alone {
 public:
  explicit Alone(AccessGate& gate) : gate_(gate) { gate_.enter_alone(); }
  Alone(const Alone&) = delete;
  Alone& operator=(const Alone&) = delete;
  ~Alone() { gate_.leave_alone(); }

 private:
  AccessGate& gate_;
};

/// Beside others: only what is marked (shared).
class Shared {
 public:
  explicit Shared(AccessGate& gate) : gate_(gate) { gate_.enter_shared(); }
  Shared(const Shared&) = delete;
  Shared& operator=(const Shared&) = delete;
  ~Shared() { gate_.leave_shared(); }

 private:
  AccessGate& gate_;
};

/// For an updating call: alone where possible, beside others where not, giving way between blocks.
class Turn {
 public:
  explicit Turn(AccessGate& gate) : gate_(gate) { enter(); }
  Turn(const Turn&) = delete;
  Turn& operator=(const Turn&) = delete;
  ~Turn() { alone_ ? gate_.leave_alone() : gate_.leave_shared(); }

  [[nodiscard]] bool alone() const noexcept { return alone_; }

  /// Alone, and somebody waits.
  [[nodiscard]] bool contended() const noexcept { return alone_ && gate_.contended_alone(); }

  /// Alone from now on, others kept out until the next `give_way`. Others may have been inside
  /// meanwhile.
  void insist() {
    if (alone_) return;
    gate_.leave_shared();
    gate_.enter_alone();
    alone_ = true;
  }

  /// Between blocks: lets in who waits; alone again once nobody else is there.
  void give_way() {
    if (alone_) {
      if (!gate_.contended_alone()) return;
      gate_.let_others_in();
      alone_ = false;
    } else {
      gate_.leave_shared();
      enter();
    }
  }

 private:
  void enter() {
    alone_ = gate_.try_enter_alone();
    if (!alone_) gate_.enter_shared();
  }

  AccessGate& gate_;
  bool alone_ = false;
};

}  // namespace socbi
