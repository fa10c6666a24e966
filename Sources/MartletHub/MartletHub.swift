// MartletHub
