package web

// SurplusRoom is for the tests from outside.
const SurplusRoom = surplusRoom
