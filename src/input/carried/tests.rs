//! Every carrier and envelope gives the rows of the plain log.
