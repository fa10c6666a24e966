// MartletModels
