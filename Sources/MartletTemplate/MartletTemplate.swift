// MartletTemplate
