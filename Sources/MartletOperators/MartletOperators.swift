// MartletOperators
