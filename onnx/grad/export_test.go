package grad

// Table is the table of rules, for the tests.
var Table = rules
