// For a school: three zones, a promise that the API can be reached, longer memories.
using 'main.bicep'

// Yours: cluster-up refuses to run while a 00000000 or a 192.0.2. stands here.
param operatorRanges = ['192.0.2.0/24']
param administrators = ['00000000-0000-0000-0000-000000000000']
param privacyOfficers = ['00000000-0000-0000-0000-000000000000']

param name = 'rollcall-prod'
param kubernetesVersion = '1.35'
param tier = 'Standard'
param zones = ['1', '2', '3']
param nodePools = {
  system: {
    size: 'Standard_D2ads_v5'
    minimum: 2
    maximum: 3
    diskGiB: 64
  }
  regular: {
    size: 'Standard_D4ads_v5'
    minimum: 1
    maximum: 4
    diskGiB: 128
  }
  spot: {
    size: 'Standard_E4ads_v5'
    minimum: 0
    maximum: 20
    diskGiB: 128
  }
}
param storageRedundancy = 'Standard_ZRS'

// How long things are kept: docs/privacy.md.
param enrolmentDays = 400
param versionDays = 14
param recoverableDays = 14
param vaultRecoverableDays = 90
param logDays = 90
